"""Ours, for `spiking_training`: the same two tasks as `spiking_peers`."""

from .workers import serve


def ours_lenet(threads, path, steps, neurons, rate, decay):
    """One training step of the LeNet of Lee et al., trained in spikes.

    Parameters
    ----------
    threads : int
        Number of threads; variables of the environment say so as well.
    path : str
        ``.npz`` file with "images" (images, 28, 28), float32 in 0 to 1; "labels"
        (images,); and the initial weights, channels last: "weights0" (5, 5, 1, 20),
        "weights1" (5, 5, 20, 50), "weights2" (2450, 200), "weights3" (200, 10).
    steps : int
        Steps of time.
    neurons : list of (decay, threshold)
        Of each layer of neurons; the threshold of the readout is None.
    rate, decay : float
        Learning rate of gradient descent without momentum, and weight decay.

    Returns
    -------
    object
        With ``about``, a dict with "images" (number of images), "settings" (str) and
        "rates" (share of neurons that fire in a step, for each layer but the readout);
        ``reset()``, which takes the initial weights once more; and ``run()``, which
        encodes the images, goes forward and backward, and changes the weights. The
        loss is the sum of ``(final voltage / steps - one-hot label)**2``; ``run``
        leaves it in ``details``, a dict, as "loss".
    """
    raise NotImplementedError("not yet measured here")


def ours_onm(threads, n, batch, steps, decay, warm_steps):
    """Forward and backward pass of one layer.

    Parameters
    ----------
    threads : int
        Number of threads.
    n, batch, steps : int
        Inputs and neurons, examples, and steps of time.
    decay : float
        What a neuron's voltage keeps of itself in a step; its threshold is 1.
    warm_steps : int or None
        Steps of the first run, which is not measured.

    Returns
    -------
    object
        As that of `ours_lenet`. Inputs are standard normal, different in each step;
        weights and biases are uniform in +-1 / sqrt(n). ``reset()`` forgets gradients;
        ``run()`` does both passes, of which the second starts from ones for each spike
        and ends with the gradients of weights and biases, and leaves their seconds as
        "forward" and "backward", and "rates" (one), in ``details``.
    """
    raise NotImplementedError("not yet measured here")


TASKS = {"lenet": ours_lenet, "onm": ours_onm}


def make(task, name, **arguments):
    """Make ours for one of the tasks."""
    return TASKS[task](**arguments)


if __name__ == "__main__":
    serve(make)
