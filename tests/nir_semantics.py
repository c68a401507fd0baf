"""What a NIR graph means, in NumPy and by nothing but its nodes: a reference.

Equations are solved exactly for input that stays the same within a step: for small
steps that is continuous time. Spikes come at the end of steps, as pulses of a step with
a given integral. Matrices of convolutions and pools are filled in number by number, as
their definition in PyTorch says.
"""

import itertools

import numpy as np
from scipy import sparse

NEURONS = "IF", "LIF", "CubaLIF"


class Interpreter:
    """A graph, simulated for many examples at a time.

    Parameters
    ----------
    graph : nir.NIRGraph
        Its types must have been inferred.
    dt : float
        Step in seconds.
    area : float
        Integral of a spike.
    remembers : bool
        Whether refractory times, lowest and initial voltages of metadata count.
    """

    def __init__(self, graph, dt, area=1.0, remembers=True):
        self.graph, self.dt, self.area, self.remembers = graph, dt, area, remembers
        self.before = {name: [] for name in graph.nodes}
        for source, target in graph.edges:
            self.before[target].append(source)
        self.order, self.shapes, self.matrices = [], {}, {}
        while len(self.order) < len(graph.nodes):
            for name, before in self.before.items():
                if name not in self.order and set(before) <= set(self.order):
                    self.order.append(name)
                    self._prepare(name)

    def kind(self, name):
        return type(self.graph.nodes[name]).__name__

    def _prepare(self, name):
        node, kind = self.graph.nodes[name], self.kind(name)
        if kind == "Input":
            self.shapes[name] = tuple(node.input_type["input"])
            return
        shape = self.shapes[self.before[name][0]]
        if kind in ("Affine", "Linear"):
            self.matrices[name], shape = node.weight, node.weight.shape[:1]
        elif kind in ("Conv1d", "Conv2d", "AvgPool2d", "SumPool2d"):
            self.matrices[name], shape = windowed(node, kind, shape)
        elif kind == "Flatten":
            shape = tuple(node.output_type["output"])
        self.shapes[name] = shape

    def run(self, images, time):
        """Show images (n, size) in NIR's order.

        Returns
        -------
        spikes : dict of str to (n, size) ndarray
            Their number.
        answers : (n_steps, n, size) ndarray
        """
        n, self.state, answers = len(images), {}, []
        spikes = {name: 0 for name in self.order if self.kind(name) in NEURONS}
        (end,) = (name for name in self.order if self.kind(name) == "Output")
        for _ in range(round(time / self.dt)):
            values = {}
            for name in self.order:
                given = sum(values[source] for source in self.before[name])
                values[name] = self._step(name, given, images, n)
                if name in spikes:
                    spikes[name] = spikes[name] + (values[name] > 0)
            answers.append(values[end])
        return spikes, np.array(answers)

    def _step(self, name, given, images, n):
        node, kind = self.graph.nodes[name], self.kind(name)
        if kind == "Input":
            return images
        if kind in ("Output", "Flatten"):
            return given
        if kind == "Scale":
            return given * node.scale.ravel()
        if name in self.matrices:
            out = (self.matrices[name] @ given.T).T
            bias = getattr(node, "bias", None)
            return out if bias is None else out + spread(bias, self.shapes[name])
        state = self.state.setdefault(name, self._begin(node, given))
        if kind == "LI":
            self._relax(state, "v", node.tau, flat(node.v_leak) + flat(node.r) * given)
            return state["v"]
        if kind in ("CubaLI", "CubaLIF"):
            self._relax(state, "i", node.tau_syn, flat(node.w_in) * given)
            given = state["i"]
        awake = state["rest"] <= 0
        state["rest"] = state["rest"] - self.dt
        before = state["v"]
        if kind == "IF":
            state["v"] = before + self.dt * flat(node.r) * given
        else:
            tau = node.tau_mem if kind.startswith("Cuba") else node.tau
            self._relax(state, "v", tau, flat(node.v_leak) + flat(node.r) * given)
        if kind == "CubaLI":
            return state["v"]
        state["v"] = np.where(awake, state["v"], before)
        fired = state["v"] > flat(node.v_threshold)
        state["v"] = np.maximum(state["v"], self._told(node, "min_voltage", -np.inf))
        state["v"] = np.where(fired, flat(node.v_reset), state["v"])
        # of the step in which it fired, half is refractory on average
        rest = self._told(node, "tau_ref", 0) - self.dt / 2
        state["rest"] = np.where(fired, rest, state["rest"])
        return fired * (self.area / self.dt)

    def _begin(self, node, given):
        v = np.zeros_like(given, dtype=float)
        if hasattr(node, "v_reset"):
            v = v + flat(node.v_reset)
        return {
            "v": v + flat(self._told(node, "voltage", 0)),
            "i": 0 * v,
            "rest": 0 * v,
        }

    def _told(self, node, name, default):
        return node.metadata.get(name, default) if self.remembers else default

    def _relax(self, state, name, tau, target):
        decay = np.exp(-self.dt / flat(tau))
        state[name] = target + (state[name] - target) * decay


def flat(values):
    return np.ravel(values) if np.size(values) > 1 else np.asarray(values)


def spread(bias, shape):
    """One number for each channel, for all values of an image."""
    return np.repeat(np.ravel(bias), int(np.prod(shape[1:])))


def windowed(node, kind, shape):
    """Matrix of a convolution or pool, and the shape of what comes out."""
    sides = len(shape) - 1
    pools = kind.endswith("Pool2d")
    channels = shape[0]
    size = tuple(np.ravel(node.kernel_size)) if pools else node.weight.shape[2:]
    stride = np.broadcast_to(np.ravel(node.stride), (sides,))
    dilation = np.ones(sides, int)
    if not pools:
        dilation = np.broadcast_to(np.ravel(node.dilation), (sides,))
    if isinstance(node.padding, str):
        total = dilation * (np.array(size) - 1) * (node.padding == "same")
        before, after = total // 2, total - total // 2
    else:
        before = after = np.broadcast_to(np.ravel(node.padding), (sides,))
    spans = dilation * (np.array(size) - 1) + 1
    out = (np.array(shape[1:]) + before + after - spans) // stride + 1
    filters = channels if pools else node.weight.shape[0]
    groups = channels if pools else int(node.groups)
    shape_out = (filters, *map(int, out))
    each = {"AvgPool2d": 1 / np.prod(size), "SumPool2d": 1.0}.get(kind)
    matrix = sparse.lil_array((int(np.prod(shape_out)), int(np.prod(shape))))
    for place in itertools.product(*map(range, out)):
        for tap in itertools.product(*map(range, size)):
            pixel = np.array(place) * stride - before + np.array(tap) * dilation
            if np.any(pixel < 0) or np.any(pixel >= shape[1:]):
                continue
            for f in range(filters):
                row = np.ravel_multi_index((f, *place), shape_out)
                group = f // (filters // groups)
                for c in range(channels // groups):
                    channel = group * (channels // groups) + c
                    column = np.ravel_multi_index((channel, *pixel), shape)
                    matrix[row, column] += (
                        node.weight[(f, c, *tap)] if not pools else each
                    )
    return matrix.tocsr(), shape_out
