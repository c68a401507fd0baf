"""Rates that training shall keep to."""

from dataclasses import asdict, dataclass

import numpy as np
from nengo.exceptions import ValidationError

from ..checks import check_number
from ..layers import n_synapses


@dataclass(frozen=True)
class FiringRates:
    r"""Rates that training keeps to, by a penalty on those beyond.

    Spikes cost energy, and their number is what a chip has to carry; with too few of
    them answers come late. A penalty on rates makes a network spare them where that
    costs least [1]_.

    Parameters
    ----------
    high : float, optional
        Highest mean rate of a layer, in Hz: over its neurons, and over images.
    low : float
        Lowest mean rate of a layer, in Hz.
    synops : float, optional
        Most synaptic operations per second: the sum over layers of their mean rates
        times their synapses, as `.n_synapses` counts them.
    weight : float
        Weight of the penalty in the loss, beside a cross-entropy.

    Raises
    ------
    ValidationError
        If there is nothing to keep to, or nothing between low and high.

    Notes
    -----
    With the mean rates :math:`r_l` of layers, their synapses :math:`S_l`, and
    :math:`[x]_+ = \max(x, 0)`, the loss grows by the weight times

    .. math::

       \sum_l \left[\frac{r_l}{\mathrm{high}} - 1\right]_+^2
       + \sum_l \left[1 - \frac{r_l}{\mathrm{low}}\right]_+^2
       + \left[\frac{\sum_l S_l r_l}{\mathrm{synops}} - 1\right]_+^2

    Rates are those of the smooth curve, without noise: in spikes they are the same or a
    little lower, because neurons below threshold are silent. Of a large layer as many
    images of a batch count as have 262,144 rates together.

    References
    ----------
    .. [1] S. K. Esser et al., "Convolutional networks for fast, energy-efficient
       neuromorphic computing", PNAS 113, 2016, who penalise spikes; the range is the
       idea of KerasSpiking's activity regularisation.

    Examples
    --------
    >>> from nengo_softlif.training import FiringRates
    >>> FiringRates(high=50.0, low=5.0)
    FiringRates(high=50.0, low=5.0, synops=None, weight=1.0)
    """

    high: float | None = None
    low: float = 0.0
    synops: float | None = None
    weight: float = 1.0

    n_rates = 2**18

    def __post_init__(self):
        """Refuse what are no rates."""
        check_number("low", self.low, "0 or a positive rate in Hz", 0)
        check_number("weight", self.weight, "a positive number", 0, low_open=True)
        for name, what in (("high", "rate in Hz"), ("synops", "number per second")):
            value = getattr(self, name)
            if value is not None:
                what = f"None or a positive {what}"
                check_number(name, value, what, 0, low_open=True)
        if self.high is not None and self.low >= self.high:
            raise ValidationError(
                f"expected a rate below high, which is {self.high} Hz, got {self.low}",
                attr="low",
                obj=self,
            )
        if self.high is None and self.synops is None and not self.low:
            raise ValidationError(
                "expected a rate or a number of synaptic operations to keep to, as in "
                "FiringRates(high=20)",
                attr="high",
                obj=self,
            )

    def describe(self):
        """Describe the settings, as JSON holds them."""
        return {name: value and float(value) for name, value in asdict(self).items()}

    def bind(self, network):
        """Return the penalty on the rates of one network.

        Parameters
        ----------
        network : nengo.Network
            Whose synapses are counted, if they matter.

        Returns
        -------
        RatePenalty
        """
        synapses = {} if self.synops is None else n_synapses(network)
        return RatePenalty(self, synapses)


class RatePenalty:
    """What rates of one network add to the loss, see `FiringRates`.

    Tensors are TensorFlow's.
    """

    def __init__(self, wanted, synapses):
        self._wanted, self._synapses = wanted, synapses

    def mean(self, response, x, batch_last):
        """Mean rate of a layer, without noise, of a part of a batch if it is large.

        Parameters
        ----------
        response : callable
            From weighted inputs to rates times the amplitude, such as `.Response`.
        x : tf.Tensor
            Weighted inputs.
        batch_last : bool
            Whether the examples lie along their last axis instead of the first.

        Returns
        -------
        tf.Tensor
            In Hz, a scalar.
        """
        import tensorflow as tf

        batch_size = x.shape[-1 if batch_last else 0]
        size = int(np.prod(x.shape)) // batch_size
        n_examples = min(max(1, self._wanted.n_rates // size), batch_size)
        x = x[..., :n_examples] if batch_last else x[:n_examples]
        rates = response(x, None, batch_last)
        return tf.reduce_mean(rates) / response.neuron_type.amplitude

    def __call__(self, means):
        """Penalty for the mean rates of layers.

        Parameters
        ----------
        means : dict of Layer to tf.Tensor
            From `mean`.

        Returns
        -------
        tf.Tensor
            A scalar.
        """
        import tensorflow as tf

        wanted = self._wanted
        beyond = []
        for rate in means.values():
            if wanted.high is not None:
                beyond.append(rate / wanted.high - 1)
            if wanted.low:
                beyond.append(1 - rate / wanted.low)
        if wanted.synops is not None:
            parts = [
                rate * float(self._synapses[layer.obj.ensemble])
                for layer, rate in means.items()
            ]
            beyond.append(tf.add_n(parts) / wanted.synops - 1)
        return wanted.weight * tf.add_n([tf.nn.relu(part) ** 2 for part in beyond])


def wanted_rates(rates):
    """Find what `.fit` was given: a highest rate in Hz, or `FiringRates`, or None."""
    if rates is None or isinstance(rates, FiringRates):
        return rates
    try:
        return FiringRates(high=rates)
    except ValidationError as error:
        raise ValidationError(
            "expected a positive number of Hz, FiringRates(...) or None, got "
            f"{rates!r}",
            attr="rates",
        ) from error
