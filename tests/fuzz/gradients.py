"""Random networks over time: spikes are Nengo's, gradients NumPy's and TensorFlow's.

    cd tests; python -m fuzz.gradients --n 10000 --first 0 --processes 2

A seed makes a network that can be trained in spikes. `check` compares its spikes and
outputs with Nengo's simulator; and outputs and gradients, with some neurons left out,
with the equations unrolled in plain NumPy, and with TensorFlow's loops where these have
a form of the network.
"""

import contextlib
import sys
from functools import partial
from unittest.mock import patch

from nengo_softlif.gradients import LeakCorrected, ThroughRates, Unrolled
from nengo_softlif.layers import FeedForward, parameters
from nengo_softlif.training.tensor_graph import TensorUnrolled
from nengo_softlif.training.weights import Weights

import nengo
import numpy as np
import unrolling
from nengo.exceptions import Unconvertible

from . import running, spike_networks
from .running import Result, Wrong

TIE = 1e-9
"""Of a threshold, closer than which rounding may decide (law 7)."""

TOLERANCE = 1e-8
"""Of the largest value."""


def check(seed):
    """Compare a random network over time with what others make of it.

    Parameters
    ----------
    seed : int
        Of the network.

    Returns
    -------
    Result
        Whose ``fault`` is empty if all agree.
    """
    result = Result(seed)
    result.counts.update(spikes=0, ties=0, in_numpy=0, in_tensors=0)
    with result.catching(), contextlib.suppress(_Tie):
        _Trial(spike_networks.make(seed), seed, result.counts).run()
    return result


class _Tie(Exception):
    """Where a voltage was so close to the threshold that rounding decided."""


class _Trial:
    """A network, and what runs it."""

    def __init__(self, example, seed, counts):
        self.example, self.counts = example, counts
        network, derivative = example.network, example.derivative
        self.feed_forward = FeedForward(
            network, example.image, example.answer, timed=True
        )
        self.trainable = parameters.trainable(network)
        if isinstance(derivative, ThroughRates):  # the engine looks its slopes up
            derivative = unrolling.Exact(derivative)
        self.derivative = derivative
        self.ours = self.unroll(Unrolled, derivative)
        self.rng = np.random.RandomState(seed)
        self.masks = self.draw_masks()
        self.weights = self.find_weights()

    def find_weights(self):
        """Find them in the form in which `fit` has them, where it has one."""
        given = self.example.network, self.feed_forward, self.trainable, "float64"
        with contextlib.suppress(Unconvertible):
            variables = Weights(*given).variables
            return {
                connection: value.numpy() for connection, value in variables.items()
            }
        return {}

    def unroll(self, kind, derivative):
        given = self.feed_forward, self.trainable, derivative
        return kind(*given, self.example.dt, "float64")

    def draw_masks(self):
        masks = {}
        for layer in self.ours.neurons:
            noise = getattr(layer.neuron_type, "noise", None)
            if noise is not None:
                shape = len(self.example.images), layer.size
                masks[layer] = noise.mask(self.rng.rand(*shape))
        return masks

    def forward(self, unrolled, masks):
        example = self.example
        return unrolled.bind(self.weights, {}).forward(
            example.images, example.n_steps, masks, np.random.default_rng(0)
        )

    def run(self):
        """Compare everything."""
        example = self.example
        if not example.by_chance:
            self.compare_with_nengo(self.forward(self.ours, {}))
        course = self.forward(self.ours, self.masks)
        upstream = self.rng.randn(*course.outputs.shape)
        currents = dict(course._currents)  # which going back uses up
        gradients = course.backward(upstream)
        course._currents = currents
        if not example.by_chance and not self.derivative.averages:
            with patch.object(unrolling, "DT", example.dt):
                self.compare_with_numpy(course, upstream, gradients)
        with contextlib.suppress(Unconvertible):
            theirs = self.unroll(TensorUnrolled, example.derivative)
            self.compare_with_tensors(theirs, course, upstream, gradients)

    # -- by whom -----------------------------------------------------------------------

    def compare_with_nengo(self, course):
        """Compare spikes and outputs without masks."""
        example, shown = self.example, None
        with example.network:
            probes = {layer: nengo.Probe(layer.obj) for layer in course.spikes}
        before = example.image.output
        example.image.output = lambda t: shown[round(t / example.dt) - 1]
        size = example.image.size_out
        try:
            shown = np.zeros((1, size))
            with nengo.Simulator(
                example.network, dt=example.dt, progress_bar=False, optimize=False
            ) as sim:
                for i, image in enumerate(example.images):
                    shown = np.broadcast_to(image, (example.n_steps, size))
                    sim.reset()
                    sim.run_steps(example.n_steps)
                    fired = {
                        layer: np.rint(sim.data[p] / course.spikes[layer].scale)
                        for layer, p in probes.items()
                    }
                    self.compare_spikes(course, i, fired)
                    seen = sim.data[example.answer]
                    _compare(f"outputs of example {i}", seen, course.outputs[i])
        finally:
            example.image.output = before

    def compare_with_numpy(self, course, upstream, gradients):
        """Compare spikes, outputs and gradients with the equations unrolled."""
        example, totals = self.example, ({}, {})
        reference = unrolling.Reference(
            example.network,
            example.image,
            example.answer,
            _find_back(self.derivative),
            {
                layer.obj.ensemble: timed.initial["voltage"]
                for layer, timed in self.ours.neurons.items()
            },
        )
        for i, shown in enumerate(example.images):
            held = {layer.obj.ensemble: mask[i] for layer, mask in self.masks.items()}
            outputs = reference.forward(shown, example.n_steps, held)
            fired = {layer: reference.spikes[layer.obj] for layer in course.spikes}
            self.compare_spikes(course, i, fired)
            _compare(f"outputs of example {i} in NumPy", outputs, course.outputs[i])
            found = reference.backward(upstream[i])
            for total, more in zip(totals, found, strict=True):
                for key, value in more.items():
                    total[key] = total.get(key, 0) + value
        by_weights, by_biases = totals
        layers = {layer.obj.ensemble: layer for layer in self.ours.neurons}
        expected = (
            {c: value for c, value in by_weights.items() if self.trainable[c]},
            {
                layers[ensemble]: value
                for ensemble, value in by_biases.items()
                if ensemble in layers and self.trainable[ensemble.neurons]
            },
        )
        self.counts["in_numpy"] += _compare_gradients("NumPy", expected, gradients)

    def compare_with_tensors(self, theirs, course, upstream, gradients):
        """Compare spikes, outputs and gradients with those of TensorFlow."""
        other = self.forward(theirs, self.masks)
        for i in range(len(self.example.images)):
            if not self.example.by_chance:
                fired = {layer: c.values[i] for layer, c in other.spikes.items()}
                self.compare_spikes(course, i, fired)
        _compare("outputs in TensorFlow", other.outputs, course.outputs)
        expected = other.backward(upstream)
        self.counts["in_tensors"] += _compare_gradients(
            "TensorFlow", expected, gradients
        )

    # -- spikes ------------------------------------------------------------------------

    def compare_spikes(self, course, i, fired):
        """Compare those of an example; raise a tie if rounding made the difference."""
        firsts = {}
        for layer, theirs in fired.items():
            ours = course.spikes[layer].values[i]
            self.counts["spikes"] += np.count_nonzero(ours)
            differs = ours != theirs
            if differs.any():
                firsts[layer] = np.argmax(differs.any(axis=1)), differs
        if not firsts:
            return
        first = min(step for step, _ in firsts.values())
        for layer, (step, differs) in firsts.items():
            volts = self.voltages(course, layer, i)[step][differs[step]]
            if step == first and np.all(abs(volts - 1) > TIE):
                raise Wrong(
                    f"example {i}: in step {step} neurons "
                    f"{np.flatnonzero(differs[step])} of {layer.obj} fire otherwise, "
                    f"with voltages {volts}"
                )
        self.counts["ties"] += 1
        raise _Tie

    def voltages(self, course, layer, i):
        current = course._currents[layer]
        current = current[i if len(current) > 1 else 0]
        spikes = course.spikes[layer].values[i]
        volts, *_ = self.ours.neurons[layer].retrace(current, spikes)
        return volts


def _compare_gradients(whose, expected, found):
    """Compare gradients, of which none is the same as zeros; count what is not zero."""
    n = 0
    for theirs, ours in zip(expected, found, strict=True):
        for key in theirs.keys() | ours.keys():
            one = theirs.get(key, np.zeros(np.shape(ours.get(key, 0))))
            other = ours.get(key, np.zeros(one.shape))
            _compare(f"gradient by {getattr(key, 'obj', key)}: {whose}", one, other)
            n += np.count_nonzero(one)
    return n


def _compare(name, expected, found):
    if expected.shape != found.shape:
        raise Wrong(f"{name}: shape {found.shape}, not {expected.shape}")
    largest = np.abs(expected).max(initial=1e-3)
    differs = np.abs(expected - found).max(initial=0)
    if not differs <= TOLERANCE * largest:
        raise Wrong(f"{name}: {differs:.3g} off, of {largest:.3g}")


def _find_back(derivative):
    """Tell how NumPy goes back through neurons."""
    if isinstance(derivative, LeakCorrected):
        return partial(unrolling.back_as_lee, corrects=derivative.corrects)
    if not isinstance(derivative, unrolling.Exact):
        return unrolling.back_by(derivative.slope)

    def back(neuron, J, upstream, voltage):
        return upstream * unrolling.slope_of_soft_lif(neuron, J, derivative.sigma)

    return back


def plan(given):
    """Of the command."""
    return [("networks", given.n, check)]


if __name__ == "__main__":
    sys.exit(running.main(running.options(__doc__, n=300), plan))
