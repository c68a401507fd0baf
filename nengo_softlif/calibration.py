"""Noise as large as that of the spikes which a network really sends."""

from itertools import compress

import nengo
import numpy as np
from nengo.exceptions import ValidationError

from .checks import changed, check_number, check_whole
from .datasets import check_data
from .engine import Simulator
from .models import check_model, check_prepared, check_timeless
from .neurons import SoftLIFRate
from .noise import Dropout, GaussianNoise
from .spiking import to_spiking

DT = 0.001
"""Time step of the simulation, in seconds."""


def calibrate_noise(
    model,
    data,
    synapse=nengo.Alpha(0.005),  # noqa: B008 (synapses are frozen)
    presentation_time=0.2,
    n_images=20,
):
    r"""Give each layer the noise that its spikes have behind a synapse.

    The papers train all layers with 10 Hz, the mean deviation of neurons that fire
    regularly. In a network they do not: what comes in varies with the spikes of the
    layer below, and how much that is depends on the synapse and on the rates that a
    network was trained to. Here the model is rebuilt in spikes, and the deviation of
    each layer is measured while it looks at images. Training on with it is what
    ``train --noise auto`` does.

    Parameters
    ----------
    model : Model
        Trained network of `.SoftLIFRate` neurons; left as it is.
    data : Dataset
        Images to train on are taken from it.
    synapse : nengo.synapses.Synapse
        Which will be behind each layer of spiking neurons.
    presentation_time : float
        How long each image is shown, in seconds. The second half is measured.
    n_images : int
        How many are shown.

    Returns
    -------
    Model
        The noise of each layer is a `.GaussianNoise` with its own deviation; dropout
        stays. All else is as it was.

    Raises
    ------
    ValidationError
        If the model has no preprocessing, has no `.SoftLIFRate` neurons, or does not
        fit the data, there is no synapse, or a layer fires no spikes.
    Unconvertible
        If the simulator cannot read the network.

    Notes
    -----
    The deviation of a layer is that in time, in the mean square over the images and
    those neurons that fire for them,

    .. math:: s^2 = \langle \langle (h * x)(t)^2 \rangle_t
                    - \langle (h * x)(t) \rangle_t^2 \rangle

    for a synapse :math:`h` and spikes :math:`x`. Neurons that are silent have no noise
    in training either.

    Examples
    --------
    >>> tuned = softlif.calibrate_noise(model, data, presentation_time=0.1, n_images=2)
    >>> [type(ensemble.neuron_type.noise).__name__ for ensemble in tuned.ensembles]
    ['GaussianNoise', 'GaussianNoise', 'GaussianNoise']
    """
    check_model(model)
    check_data(data, model)
    check_timeless(model, "model", "calibrate noise of the network it was made from")
    seconds = "seconds, 0.002 or more"
    check_number("presentation_time", presentation_time, seconds, 0.002)
    check_whole("n_images", n_images, 1)
    check_prepared(model)
    if synapse is None:
        raise ValidationError(
            "expected the synapse behind spiking neurons, such as nengo.Alpha(0.005), "
            "got None: spikes themselves are no rates with noise",
            attr="synapse",
        )
    calibrated = model.copy()
    noisy = [isinstance(e.neuron_type, SoftLIFRate) for e in calibrated.ensembles]
    if not any(noisy):
        raise ValidationError(
            "none of its layers has SoftLIFRate neurons, which have noise", attr="model"
        )
    spiking = to_spiking(model, synapse)
    images = model.preprocessing.test(data.x_train[:n_images])
    stds = _deviations(spiking, images, synapse, round(presentation_time / DT))
    layers = zip(calibrated.ensembles, stds, strict=True)
    for ensemble, std in compress(layers, noisy):
        if not std > 0:
            raise ValidationError(
                f"{ensemble} fires no spikes for {len(images)} images; train the model "
                "first",
                attr="model",
            )
        neurons = ensemble.neuron_type
        noise = GaussianNoise(std)
        if isinstance(neurons.noise, Dropout):
            noise = Dropout(neurons.noise.rate, noise)
        ensemble.neuron_type = changed(neurons, noise=noise)
    calibrated.source = None  # no function of ours makes this network
    return calibrated


def _deviations(spiking, images, synapse, n_steps):
    """Measure the deviation of what each layer's spikes are behind a synapse, in Hz.

    Probes are added to the network.
    """
    with spiking.network:
        probes = [nengo.Probe(e.neurons, synapse=synapse) for e in spiking.ensembles]
    total, n_firing = np.zeros(len(probes)), np.zeros(len(probes))
    # one at a time: what all neurons do takes much memory
    with Simulator(spiking.network, dt=DT, minibatch_size=1) as sim:
        for image in images:
            sim.reset()
            still = np.broadcast_to(image, (1, n_steps, len(image)))
            sim.run_steps(n_steps, {spiking.input: still})
            for place, probe in enumerate(probes):
                variances = sim.data[probe][0, n_steps // 2 :].var(axis=0)
                total[place] += variances.sum()
                n_firing[place] += np.count_nonzero(variances)
    amplitudes = [getattr(e.neuron_type, "amplitude", 1.0) for e in spiking.ensembles]
    return np.sqrt(total / np.maximum(n_firing, 1)) / amplitudes
