"""Random networks for the chip, small ones, in all their variety."""

from functools import partial

from nengo_softlif.compat import nengo_loihi

import nengo
import numpy as np

from .chip_parts import convolution, dense, diagonal, local, pool, sparse

N_STEPS = 30


def film(draw, size):
    """Two examples of input that changes now and then."""
    frames = draw.normal(size=(2, 1 + N_STEPS // 10, size))
    return np.repeat(frames, 10, axis=1)[:, :N_STEPS]


# -- networks that to_loihi rebuilds ---------------------------------------------------


def way(draw, pre, shape, scale, synapse=None, size_out=None):
    """Choose what lies behind ``pre``, and make all connections but the last.

    Returns
    -------
    dict
        Arguments of the last connection.
    shape : tuple
        The image that it makes.
    """
    kinds = (*3 * [convolution], pool, pool, local, dense, sparse, diagonal)
    steps = [draw.pick(*kinds) for _ in range(draw.pick(1, 1, 1, 2, 2, 3))]
    if size_out is not None:
        steps.append(partial(draw.pick(dense, sparse), size_out=size_out))
    if all(step is pool for step in steps):
        steps.append(diagonal)  # something must multiply
    filtered = 0 if draw.chance(0.7) else len(steps) - 1
    for i, step in enumerate(steps):
        n = int(np.prod(shape))
        if draw.chance(0.4):
            shape = draw.image_of(n)
        if n > 2 and draw.chance(0.15):
            pre = pre[draw.part_of(n)]
            shape = draw.image_of(pre.size_out)
        transform, shape = step(draw, shape, scale)
        scale = scale if step is pool else 1.0
        here = synapse if i == filtered else None
        last = {"pre": pre, "transform": transform, "synapse": here}
        if i < len(steps) - 1:
            pre = nengo.Node(size_in=transform.size_out)
            nengo.Connection(post=pre, **last)
    return last, shape


def layer(draw, n):
    """Neurons that fire at some 50 Hz."""
    if draw.chance(0.7):
        tau_ref = draw.pick(0.001, 0.002, 0.004)
        kind = nengo.LIF(draw.pick(0.02, 0.05), tau_ref, amplitude=draw.pick(1, 0.01))
        gain, bias = 1.0, draw.uniform(0.5, 1.5, n)
    else:
        kind = nengo.SpikingRectifiedLinear(draw.pick(0.01, 0.3, 1))
        gain, bias = draw.uniform(30, 100), draw.uniform(0, 80, n)
    gain = gain * (draw.uniform(0.3, 2, n) if draw.chance(0.3) else np.ones(n))
    if draw.chance(0.02):
        gain = 1e-6 * gain  # the chip lacks such numbers
    label = draw.pick(None, "layer", f"of {n}")
    return nengo.Ensemble(n, 1, neuron_type=kind, gain=gain, bias=bias, label=label)


def strength(draw, ensemble):
    """A factor of weights behind neurons, with which a layer's input is about one."""
    return draw.uniform(0.5, 3) / (50 * getattr(ensemble.neuron_type, "amplitude", 1))


def probe_neurons(draw, ensemble):
    """Probe spikes, and more, of all or some."""
    nengo.Probe(ensemble.neurons)
    for what in ("voltage", "input", "output"):
        if draw.chance(0.5):
            some = ensemble.n_neurons > 2 and draw.chance(0.4)
            # NengoLoihi knows no other order where layers are cut into blocks
            part = draw.part_of(ensemble.n_neurons, 0.1) if some else slice(None)
            synapse = draw.pick(None, 0.01) if what == "output" else None
            nengo.Probe(ensemble.neurons[part], what, synapse=synapse)


class Spiking:
    """A network of spiking layers, with what may lie between them."""

    def __init__(self, draw):
        self.draw = draw
        self.shown = 0  # which example
        self.layers = []  # ensembles, and the images that they are
        self.loops = False
        shape = (draw.whole(2, 6), draw.whole(2, 6), draw.whole(1, 3))
        self.film = film(draw, int(np.prod(shape)))
        tau = draw.pick(0.003, 0.005, 0.01)
        self.synapses = [nengo.Lowpass(2 * tau), nengo.Alpha(tau)]
        if draw.chance(0.1):
            self.synapses = [None]
        elif draw.chance(0.05):
            self.synapses = [nengo.Lowpass(tau), nengo.Alpha(tau)]  # not alike
        with nengo.Network(seed=draw.whole(0, 1000)) as self.network:
            self.image = nengo.Node(lambda t: self.film[self.shown, round(1e3 * t) - 1])
            self._add([way(draw, self.image, shape, 1.0)])
            for _ in range(draw.whole(1, 3)):
                self._add_behind_others()
            if draw.chance(0.2):
                self._add_decoded()
            if draw.chance(0.2):
                self._add_loop()
            last, shape = self._from(-1)
            node = nengo.Node(size_in=int(np.prod(shape)))
            nengo.Connection(post=node, **last)
            self.output = nengo.Probe(node, synapse=draw.pick(None, 0.005))
            for ensemble, _ in self.layers:
                probe_neurons(draw, ensemble)

    def _from(self, i, size_out=None, scale=1.0):
        ensemble, shape = self.layers[i]
        scale *= strength(self.draw, ensemble)
        synapse = self.draw.pick(*self.synapses)
        return way(self.draw, ensemble.neurons, shape, scale, synapse, size_out)

    def _add_behind_others(self):
        draw, n_known = self.draw, len(self.layers)
        ways = [self._from(-1 if draw.chance(0.7) else draw.whole(0, n_known - 1))]
        size = int(np.prod(ways[0][1]))
        for _ in range(draw.pick(0, 0, 0, 1, 2)):
            ways.append(self._from(draw.whole(0, n_known - 1), size))
        self._add(ways)

    def _add(self, ways):
        draw, shape = self.draw, ways[0][1]
        ensemble = layer(draw, int(np.prod(shape)))
        target = ensemble.neurons
        if draw.chance(0.15):
            target = nengo.Node(size_in=ensemble.n_neurons)
            nengo.Connection(target, ensemble.neurons, synapse=None)
        for last, _ in ways:
            nengo.Connection(post=target, **last)
        if draw.chance(0.2):
            one = nengo.Node(draw.normal(size=ensemble.n_neurons))
            nengo.Connection(one, target, transform=0.3, synapse=None)
        if ensemble.n_neurons > 2 and self.layers and draw.chance(0.1):
            some = ensemble.neurons[draw.part_of(ensemble.n_neurons)]
            last, _ = self._from(-1, some.size_in)
            nengo.Connection(post=some, **last)
        self.layers.append((ensemble, shape))

    def _add_decoded(self):
        draw, (before, _) = self.draw, self.layers[-1]
        decoded = nengo.Ensemble(30, draw.whole(1, 2), radius=draw.pick(1, 0.7))
        weights, _ = dense(
            draw, (before.n_neurons,), strength(draw, before), decoded.dimensions
        )
        synapse = draw.pick(*self.synapses)
        nengo.Connection(before.neurons, decoded, transform=weights, synapse=synapse)
        after = layer(draw, draw.whole(3, 20))
        nengo.Connection(
            decoded,
            after.neurons,
            function=draw.pick(lambda x: x[0] ** 2, lambda x: x[:1]),
            transform=draw.normal(size=(after.n_neurons, 1)),
            synapse=draw.pick(*self.synapses),
        )
        self.layers += [(decoded, (30, 1, 1)), (after, (after.n_neurons, 1, 1))]

    def _add_loop(self):
        i = self.draw.whole(1, len(self.layers) - 1)
        target, _ = self.layers[i]
        source = self.draw.whole(i, len(self.layers) - 1)
        last, _ = self._from(source, target.n_neurons, 0.5)
        nengo.Connection(post=target.neurons, **last)
        self.loops = True


# -- networks that are written for NengoLoihi ------------------------------------------


class Written:
    """Without `to_loihi`: what NengoLoihi takes, and some that it does not."""

    def __init__(self, draw):
        self.draw = draw
        self.film = film(draw, 12)
        self.shown = 0
        self.layers = []
        with nengo.Network(seed=draw.whole(0, 1000)) as self.network:
            nengo_loihi.add_params(self.network)
            self.image = nengo.Node(lambda t: self.film[self.shown, round(1e3 * t) - 1])
            for _ in range(draw.pick(0, 1, 1, 1, 2)):
                self._add_host()
            for _ in range(draw.whole(1, 4)):
                if self.layers and draw.chance(0.85):
                    self._add_behind_others()
                else:
                    self._add_encoded()
            if draw.chance(0.2):
                self._connect(self.layers[-1], self.layers[-1])
            node = nengo.Node(size_in=3)
            for ensemble, _ in self.layers[-draw.whole(1, 2) :]:
                weights, _ = dense(draw, (ensemble.n_neurons,), 1.0, 3)
                synapse = draw.pick(None, 0.005, nengo.Alpha(0.01))
                nengo.Connection(
                    ensemble.neurons, node, transform=weights, synapse=synapse
                )
            nengo.Probe(node, synapse=draw.pick(None, 0.002))
            for ensemble, _ in self.layers:
                probe_neurons(draw, ensemble)

    def _neurons(self, n, convolved=False):
        """Neurons of the chip, perhaps on several cores."""
        draw = self.draw
        zero = {"initial_state": {"voltage": nengo.dists.Choice([0])}}
        amplitude = draw.pick(1, 0.02)
        tau_ref = draw.pick(0.001, 0.002, 0.0034)
        kind, gain = draw.pick(
            (nengo_loihi.LoihiLIF(draw.pick(0.02, 0.01), tau_ref, 0, amplitude), 1),
            (nengo.LIF(0.03, tau_ref, draw.pick(0, -1), amplitude, **zero), 1),
            (nengo.RegularSpiking(nengo.LIFRate(), amplitude=amplitude), 1),
            (nengo.SpikingRectifiedLinear(amplitude, **zero), 100),
            (nengo_loihi.neurons.LoihiSpikingRectifiedLinear(amplitude), 100),
        )
        bias = gain * draw.uniform(0.3, 1.4, n)
        if not convolved and draw.chance(0.4):
            gain = gain * draw.uniform(0.3, 2, n)
        ensemble = nengo.Ensemble(
            n, 1, neuron_type=kind, gain=np.broadcast_to(gain, n), bias=bias
        )
        return ensemble

    def _cut(self, ensemble, shape):
        """Put a layer on several cores, now and then."""
        if self.draw.chance(0.5):
            block = tuple(self.draw.whole((n + 3) // 4, n) for n in shape)
            config = self.network.config[ensemble]
            config.block_shape = nengo_loihi.BlockShape(block, shape)

    def _add_host(self):
        draw = self.draw
        shape = draw.image_of(draw.pick(12, 24, 36))
        n = int(np.prod(shape))
        kind, gain = draw.pick(
            (nengo.LIF(), 1),
            (nengo.SpikingRectifiedLinear(0.3), 60),
            (nengo.LIF(0.05), 1),
        )
        ensemble = nengo.Ensemble(
            n, 1, neuron_type=kind, gain=gain * np.ones(n), bias=gain * np.ones(n)
        )
        self.network.config[ensemble].on_chip = False
        weights, _ = dense(draw, (12,), 1.0, n)
        nengo.Connection(self.image, ensemble.neurons, transform=weights, synapse=None)
        self.layers.append((ensemble, shape))

    def _add_encoded(self):
        """Values from a node, in spikes of NengoLoihi's making, or from an ensemble."""
        draw = self.draw
        if draw.chance(0.4):
            ensemble = self._neurons(20)
            weights, _ = dense(draw, (12,), 1.0, 20)
            nengo.Connection(self.image, ensemble.neurons, transform=weights)
        else:
            ensemble = nengo.Ensemble(
                draw.whole(20, 40),
                2,
                radius=draw.pick(1, 1.5),
                neuron_type=nengo_loihi.LoihiLIF(),
                max_rates=nengo.dists.Uniform(100, 200),
                intercepts=nengo.dists.Uniform(-1, 0.5),
            )
            decoded = [e for e, _ in self.layers if e.dimensions == 2]
            if decoded and draw.chance(0.6):
                nengo.Connection(decoded[-1], ensemble, function=lambda x: x[::-1] ** 2)
            else:
                nengo.Connection(self.image[draw.pick(slice(2), [3, 1])], ensemble)
            nengo.Probe(ensemble, synapse=draw.pick(None, 0.01))
        self._cut(ensemble, (ensemble.n_neurons,))
        self.layers.append((ensemble, (ensemble.n_neurons, 1, 1)))

    def _add_behind_others(self):
        draw = self.draw
        source = self.layers[
            -1 if draw.chance(0.7) else draw.whole(0, len(self.layers) - 1)
        ]
        before, shape = source
        if draw.chance(0.5):
            pop_type = 16 if draw.chance(0.1) else 32
            transform, shape = convolution(
                draw, shape, strength(draw, before), for_loihi=True
            )
            ensemble = self._neurons(int(np.prod(shape)), convolved=True)
            connection = nengo.Connection(
                before.neurons, ensemble.neurons, transform=transform, synapse=0.005
            )
            self.network.config[connection].pop_type = pop_type
            self._cut(ensemble, shape)
        else:
            n = draw.pick(1100, 1500) if draw.chance(0.08) else draw.whole(1, 50)
            ensemble = self._neurons(n)
            self._connect(source, (ensemble, None))
            shape = draw.image_of(n)
            self._cut(ensemble, shape if draw.chance(0.5) else (n,))
        self.layers.append((ensemble, shape))
        if draw.chance(0.25):
            self._connect(
                self.layers[draw.whole(0, len(self.layers) - 2)], self.layers[-1]
            )

    def _connect(self, source, target):
        """Connect neurons, or some of them, to others."""
        draw, (before, _), (ensemble, _) = self.draw, source, target
        pre = before.neurons
        if before.n_neurons > 2 and draw.chance(0.4):
            pre = pre[draw.part_of(before.n_neurons)]
        kind = draw.pick(dense, sparse)
        transform, _ = kind(
            draw, (pre.size_out,), strength(draw, before), ensemble.n_neurons
        )
        synapse = 0.005
        if draw.chance(0.2):
            synapse = draw.pick(None, nengo.Lowpass(0.01), nengo.Lowpass(0.003))
        elif draw.chance(0.02):
            synapse = nengo.Alpha(0.005)
        post = ensemble.neurons
        if kind is dense and draw.chance(0.1):
            node = nengo.Node(size_in=ensemble.n_neurons)
            nengo.Connection(node, post, synapse=None)
            post = node
        nengo.Connection(pre, post, transform=transform, synapse=synapse)
