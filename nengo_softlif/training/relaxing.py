"""Curves that become sharper while a network trains."""

import tensorflow as tf
from nengo.exceptions import ValidationError


class Relaxation:
    r"""Smoothing of soft LIF neurons, which falls to their own while they train.

    A hard threshold has a large slope in a small place, where few currents lie. With
    large smoothing all of them show a slope; what is learned then is made exact with
    smaller ones, as the papers suggest for curves too hard to start with [1]_.

    Parameters
    ----------
    start : float
        ``sigma`` at the beginning.
    responses : iterable of Response
        Of the neurons.

    Attributes
    ----------
    n_steps : int
        Steps of the whole training; to be set before the first.

    Raises
    ------
    ValidationError
        If no neurons have less smoothing.

    Notes
    -----
    In step :math:`t` of :math:`n`, counted from zero, :math:`\sigma = \sigma_0
    (\sigma_1 / \sigma_0)^{\min(2 t / n, 1)}`, from the start to the smallest that
    neurons have, and in each neuron at least its own. In the second half of a training
    they are the network's.

    References
    ----------
    .. [1] E. Hunsberger and C. Eliasmith, "Training Spiking Deep Networks for
       Neuromorphic Hardware", arXiv:1611.05141, 2016.
    """

    part = 0.5
    """Of the training in which it falls."""

    def __init__(self, start, responses):
        own = [getattr(r.neuron_type, "sigma", start) for r in responses]
        self.start, self.end = float(start), float(min(own, default=start))
        self.n_steps = 1
        if self.start <= self.end:
            raise ValidationError(
                f"expected more smoothing than neurons have in the end, which is "
                f"{self.end}, got {start}",
                attr="sigma_start",
            )

    def __call__(self, step):
        """Smoothing in a step of training, an int32 scalar counted from one."""
        done = tf.cast(step - 1, tf.float32) / (self.part * self.n_steps)
        return self.start * (self.end / self.start) ** tf.clip_by_value(done, 0.0, 1.0)
