"""What tests compare with: Nengo's simulators, NengoLoihi's, and the equations."""

from nengo_softlif import Emulator
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.layers.parameters import build, collect

import nengo
import numpy as np

# -- networks --------------------------------------------------------------------------


def arrays_of(model):
    """All that Nengo draws or solves of a network or model: a dict of arrays."""
    network = getattr(model, "network", model)
    return collect(network, build(network))


def assert_same_arrays(first, second):
    """Of two networks, models or dicts, to the last bit."""
    first, second = (
        a if isinstance(a, dict) else arrays_of(a) for a in (first, second)
    )
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def nengo_saw(network, n_steps, **kwargs):
    """What the probes of a network see in Nengo's simulator."""
    with nengo.Simulator(network, progress_bar=False, **kwargs) as sim:
        sim.run_steps(n_steps)
        return {probe: sim.data[probe].copy() for probe in network.all_probes}


def nengo_saw_image(network, image, n_steps):
    """What it sees when `network.image` shows an image, or one after the other."""
    image = np.array(image)
    network.image.output = lambda t: image[min(round(t / 0.001), len(image)) - 1]
    try:
        return nengo_saw(network, n_steps)
    finally:
        network.image.output = np.zeros(image.shape[1])


def assert_sees(sim, expected, example=...):
    """In float64, a simulator's probes see what those of another saw."""
    for probe, values in expected.items():
        seen = sim.data[probe][example]
        assert seen.shape == values.shape
        np.testing.assert_allclose(seen, values, rtol=1e-9, atol=1e-9, err_msg=probe)


def nengo_loihi_saw(network, n_steps, target="sim"):
    """What the probes of a network see in NengoLoihi's emulator."""
    with on_chip(target)(network) as sim:
        sim.run_steps(n_steps)
        return {probe: sim.data[probe] for probe in network.all_probes}


def answers(model, images):
    """What a model without synapses answers in Nengo's simulator, one image a step."""
    twin = model.copy()
    twin.input.output = lambda t: images[round(t / 0.001) - 1]
    return nengo_saw(twin.network, len(images))[twin.output]


def in_nengo(network):
    """A simulator of Nengo's."""
    return nengo.Simulator(network, progress_bar=False)


def on_chip(target):
    """NengoLoihi's simulators: the emulator, or with real numbers ("simreal")."""
    return lambda network: nengo_loihi.Simulator(
        network, target=target, progress_bar=False
    )


def as_rates(model, n_steps=3, synapses=False):
    """What the probes of a model in spikes would see, were it a rate network."""
    model = model.copy()
    network = getattr(model, "network", model)
    for ensemble in network.all_ensembles:
        n = ensemble.neuron_type
        ensemble.neuron_type = (
            nengo.LIFRate(n.tau_rc, n.tau_ref, amplitude=n.amplitude)
            if hasattr(n, "tau_rc")
            else nengo.RectifiedLinear(n.amplitude)
        )
    if not synapses:
        for obj in (*network.all_connections, *network.all_probes):
            obj.synapse = None
    return [seen[-1] for seen in nengo_saw(network, n_steps).values()]


def assert_same_rates(first, second, tolerance=1e-9, **kwargs):
    """Two models are the same rate network, to a part of the largest value."""
    pairs = zip(as_rates(first, **kwargs), as_rates(second, **kwargs), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


def assert_emulated_alike(chip):
    """Both emulators see the same spikes; all layers fire."""
    found = []
    for simulator in (on_chip("sim"), Emulator):
        with simulator(chip.network) as sim:
            sim.run(0.1)
            found.append([sim.data[p] for p in chip.network.all_probes[1:]])
    for theirs, ours in zip(*found, strict=True):
        assert np.any(theirs)
        np.testing.assert_array_equal(ours, theirs)


def rms(x):
    """Root of the mean square."""
    return np.sqrt(np.mean(np.square(x)))


def stepped(neuron, J):
    """What a simulator gets of rate neurons, in the type of ``J``."""
    output = np.full_like(J, np.nan)
    neuron.step(0.001, J, output)
    return output


# -- equations, in long double ---------------------------------------------------------


def soft_lif_rates(neuron, J):
    """Rates of soft LIF neurons, straight from the equations."""
    _, _, log_z = _softplus(neuron, J)
    interval = neuron.tau_ref + np.longdouble(neuron.tau_rc) * np.logaddexp(0, -log_z)
    return np.longdouble(neuron.amplitude) / interval


def soft_lif_slopes(neuron, J):
    """Their derivative, as the paper has it."""
    y, z, log_z = _softplus(neuron, J)
    tau_rc, amplitude = np.longdouble(neuron.tau_rc), np.longdouble(neuron.amplitude)
    # 1 / (z (1 + exp(-y))), whose factors leave the range far below threshold
    slope = np.exp(-log_z - np.logaddexp(0, -y))
    slope = np.where(y < -50, 1 / np.longdouble(neuron.sigma), slope)
    return tau_rc * soft_lif_rates(neuron, J) ** 2 / amplitude * slope / (1 + z)


def _softplus(neuron, J):
    """``z`` and its logarithm."""
    sigma = np.longdouble(neuron.sigma)
    y = (np.asarray(J, dtype=np.longdouble) - 1) / sigma
    small = np.log1p(np.exp(-np.abs(y)))
    z = sigma * (np.maximum(y, 0) + small)
    with np.errstate(divide="ignore"):
        # exp(y) - exp(y)^2 / 2 + ... equals exp(y) far below threshold
        log_z = np.log(sigma) + np.where(y < -50, y, np.log(z / sigma))
    return y, z, log_z
