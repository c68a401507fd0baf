"""Networks of spiking neurons over time, unrolled in plain NumPy and float64.

What tests of gradients compare with: written from the published equations and from
Nengo's step, one matrix for each connection and each synapse, and derivatives of
voltages carried forward in time, where the package goes backward.
"""

from nengo_softlif import SoftLIFRate
from nengo_softlif.compat import nengo_loihi
from nengo_softlif.gradients import ThroughRates
from nengo_softlif.layers import operators
from nengo_softlif.layers.parameters import build

import nengo
import numpy as np
from scipy import sparse

DT = 0.001


# -- neurons ---------------------------------------------------------------------------


def follow_lif(neuron, J, voltage=0.0, rest=0.0):
    """Nengo's step of LIF neurons, with the derivative of the voltage by hand.

    Returns spikes and the voltages before resets, (n_steps, n), and the derivative of
    each voltage by each current of the same neuron, (n_steps, n_steps, n). Resets, and
    when they happen, count as constant.
    """
    n_steps, n = J.shape
    tau_rc, tau_ref, whole = neuron.tau_rc, neuron.tau_ref, False
    if isinstance(neuron, nengo_loihi.LoihiLIF):  # rest begins at the end of a step
        tau_rc = nengo_loihi.neurons.discretize_tau_rc(tau_rc, DT)
        tau_ref = nengo_loihi.neurons.discretize_tau_ref(tau_ref, DT)
        whole = True
    v, r = np.full(n, voltage), np.full(n, rest)
    spikes, volts = np.zeros((2, n_steps, n))
    by_current, carried = np.zeros((n_steps, n_steps, n)), np.zeros((n_steps, n))
    for t in range(n_steps):
        r = r - DT
        opened = -np.expm1(-np.clip(DT - r, 0, DT) / tau_rc)
        v = v + (J[t] - v) * opened
        carried = carried * (1 - opened)
        carried[t] += opened
        volts[t], by_current[t] = v, carried
        fired = v > 1
        spikes[t] = fired
        r[fired] = tau_ref + DT
        if not whole:
            r[fired] += tau_rc * np.log1p(-(v[fired] - 1) / (J[t, fired] - 1))
        low = v < neuron.min_voltage
        v = np.where(fired, 0, np.where(low, neuron.min_voltage, v))
        carried = carried * ~(fired | low)
    return spikes, volts, by_current


def follow_leaky(neuron, J, voltage=0.0, straight=False):
    """Lee et al.'s neurons, likewise; ``straight``: derivatives leave the leak out."""
    n_steps, n = J.shape
    leak = np.exp(-DT / neuron.tau_rc)
    v = np.full(n, voltage)
    spikes, volts = np.zeros((2, n_steps, n))
    by_current, carried = np.zeros((n_steps, n_steps, n)), np.zeros((n_steps, n))
    for t in range(n_steps):
        v = v + DT * J[t]
        carried[t] = DT
        volts[t], by_current[t] = v, carried
        fired = spikes[t] = v > 1
        v = np.where(fired, 0, leak * v)
        carried = carried * ~fired * (1 if straight else leak)
    return spikes, volts, by_current


def follow(neuron, J, voltage=0.0):
    """Either of them."""
    lif = isinstance(neuron, nengo.LIF)
    return (follow_lif if lif else follow_leaky)(neuron, J, voltage)


def lee_factor(neuron, spikes, corrects=True):
    """Lee et al.'s factor on the gradient of each neuron, as in the authors' code."""
    leak = np.exp(-DT / neuron.tau_rc)
    if leak == 1 or not corrects:
        return np.ones(spikes.shape[1])
    trace = np.zeros(spikes.shape[1])
    for fired in spikes:
        trace = leak * trace + fired
    return (trace > 1e-3) + np.log(leak) * trace / np.maximum(spikes.sum(axis=0), 1)


def back_as_lee(neuron, J, upstream, voltage=0.0, corrects=True):
    """Gradient by the current of one example, as their equations have it."""
    spikes, _, by_current = follow_leaky(neuron, J, voltage, straight=True)
    height = neuron.amplitude / DT
    by_volts = upstream * spikes * lee_factor(neuron, spikes, corrects) * height
    return np.einsum("tn,tsn->sn", by_volts, by_current)


def back_by(slope):
    """Gradient by the current, where ``slope`` stands for the derivative of a spike."""

    def back(neuron, J, upstream, voltage=0.0):
        _, volts, by_current = follow(neuron, J, voltage)
        by_volts = upstream * slope(volts - 1) * neuron.amplitude / DT
        return np.einsum("tn,tsn->sn", by_volts, by_current)

    return back


class Exact(ThroughRates):
    """The slope of a soft LIF curve as the neurons have it; the engine looks it up."""

    def __init__(self, derivative):
        super().__init__(derivative.sigma)
        self.averages = derivative.averages

    def back(self, neurons, current, spikes, upstream):
        """See `Derivative`."""
        slope = slope_of_soft_lif(neurons.neuron_type, current, self.sigma)
        return upstream * slope.astype(upstream.dtype)


def slope_of_soft_lif(lif, J, sigma):
    """Derivative of a soft LIF curve at currents of any shape."""
    curve = SoftLIFRate(sigma, lif.tau_rc, lif.tau_ref, lif.amplitude)
    slope = curve.derivative(J.ravel(), np.ones(1), np.zeros(1))
    return slope.reshape(J.shape)


def start_of(neuron):
    """The voltage at which all neurons of a type start."""
    (voltage,) = neuron.make_state(1)["voltage"]
    return voltage


# -- networks --------------------------------------------------------------------------


def delays(synapse, n_steps):
    """Matrix of a synapse in Nengo's simulator, whose output is one step late."""
    if synapse is None:
        return np.eye(n_steps)
    impulse = np.eye(n_steps, 1)
    answer = np.append(0, synapse.filt(impulse, dt=DT, y0=0)[:-1, 0])
    late = np.arange(n_steps)[:, None] - np.arange(n_steps)
    return np.where(late < 0, 0, answer[late])


class Reference:
    """A network of nodes, neurons and one probe; each built after what leads to it.

    Parameters
    ----------
    network : nengo.Network
        Connections are in the order of what they lead to.
    image : nengo.Node
        Shows what is given.
    probe : nengo.Probe
        The answer's.
    back : callable
        From neuron type, currents and gradient by spikes to the gradient by currents.
    starts : dict of nengo.Ensemble to ndarray, optional
        Voltages at the start; else those that all neurons of the type have.
    """

    def __init__(self, network, image, probe, back=None, starts=None):
        self.network, self.image, self.probe, self.back = network, image, probe, back
        self.starts = starts or {}
        self.built = build(network)
        self.weights = {c: self._read(c) for c in network.all_connections}
        self.biases = {e: self.built[e].bias for e in network.all_ensembles}

    def _read(self, connection):
        weights = self.built[connection].weights
        return operators.read(connection.transform, weights, connection)

    def matrix(self, connection, ops=None):
        """Of all that a connection does, with its slices."""
        ops = self.weights[connection] if ops is None else ops
        matrix = operators.matrix(ops, connection.pre.size_out)
        matrix = matrix.toarray() if sparse.issparse(matrix) else matrix
        pre = np.eye(connection.pre_obj.size_out)[connection.pre_slice]
        post = np.eye(connection.post_obj.size_in)[connection.post_slice]
        return post.T @ matrix @ pre

    def objects(self):
        """All that has values, in their order."""
        found = {}
        for connection in self.network.all_connections:
            found[connection.pre_obj] = found[connection.post_obj] = None
        ordered = [obj for obj in found if not self._leading_to(obj)]
        while len(ordered) < len(found):
            ordered += [
                obj
                for obj in found
                if obj not in ordered
                and all(c.pre_obj in ordered for c in self._leading_to(obj))
            ]
        return ordered

    def _leading_to(self, obj):
        return [c for c in self.network.all_connections if c.post_obj == obj]

    def forward(self, shown, n_steps, masks=None):
        """Run one example: (n_steps, size). Masks are by ensemble."""
        self.values, self.currents, self.spikes = {}, {}, {}
        self.masks = masks or {}
        filtering = [*self.network.all_connections, self.probe]
        self.delays = {obj: delays(obj.synapse, n_steps) for obj in filtering}
        for obj in self.objects():
            total = np.zeros((n_steps, obj.size_in))
            for c in self._leading_to(obj):
                part = self.values[c.pre_obj] @ self.matrix(c).T
                total += self.delays[c] @ part
            if obj is self.image:
                total = np.broadcast_to(shown, (n_steps, obj.size_out))
            elif isinstance(obj, nengo.Node) and obj.size_in == 0:
                total = np.broadcast_to(obj.output, (n_steps, obj.size_out))
            elif isinstance(obj, nengo.ensemble.Neurons):
                neuron = obj.ensemble.neuron_type
                J = self.built[obj.ensemble].gain * total + self.biases[obj.ensemble]
                self.currents[obj] = J
                spikes, _, _ = follow(neuron, J, self._start(obj))
                self.spikes[obj] = spikes
                total = spikes * neuron.amplitude / DT * self.masks.get(obj.ensemble, 1)
            self.values[obj] = total
        seen = self.values[self.probe.obj][:, self._seen()]
        return self.delays[self.probe] @ seen

    def _start(self, neurons):
        """Voltages at the start."""
        given = self.starts.get(neurons.ensemble)
        return start_of(neurons.ensemble.neuron_type) if given is None else given

    def _seen(self):
        """Which of the values the probe records."""
        return slice(None) if self.probe.slice is None else self.probe.slice

    def backward(self, upstream):
        """Gradients by the weights of connections and by the biases of ensembles."""
        by_weights, by_biases = {}, {}
        grads = {obj: np.zeros_like(values) for obj, values in self.values.items()}
        by_seen = self.delays[self.probe].T @ upstream
        grads[self.probe.obj][:, self._seen()] = by_seen
        for obj in reversed(self.objects()):
            delta = grads[obj]
            if isinstance(obj, nengo.ensemble.Neurons):
                delta = delta * self.masks.get(obj.ensemble, 1)
                neuron = obj.ensemble.neuron_type
                start = self._start(obj)
                delta = self.back(neuron, self.currents[obj], delta, voltage=start)
                by_biases[obj.ensemble] = delta.sum(axis=0)
                delta = self.built[obj.ensemble].gain * delta
            for c in self._leading_to(obj):
                part = self.delays[c].T @ delta
                grads[c.pre_obj] = grads[c.pre_obj] + part @ self.matrix(c)
                outer = part.T @ self.values[c.pre_obj]
                for i, op in enumerate(self.weights[c]):
                    if op.weights is not None:
                        by_weights[c] = self._by_weights(c, i, op, outer)
        return by_weights, by_biases

    def measured(self, upstream):
        """Of the rate network at the measured means, which synapses let pass."""
        self.values = {o: v.mean(axis=0)[None] for o, v in self.values.items()}
        self.currents = {o: J.mean(axis=0)[None] for o, J in self.currents.items()}
        self.delays = dict.fromkeys(self.delays, np.ones((1, 1)))
        for obj in self.objects():
            if isinstance(obj, nengo.Node) and obj.size_in > 0:
                sources = self._leading_to(obj)
                self.values[obj] = sum(
                    self.values[c.pre_obj] @ self.matrix(c).T for c in sources
                )
        return self.backward(upstream.sum(axis=0)[None])

    def _by_weights(self, connection, i, op, outer):
        """Each weight by the map that it makes alone."""
        found = np.empty(op.weights.shape)
        ops = list(self.weights[connection])
        for place in np.ndindex(op.weights.shape):
            alone = np.zeros(op.weights.shape)
            alone[place] = 1
            ops[i] = op.with_weights(alone)
            found[place] = np.sum(outer * self.matrix(connection, ops))
        return found
