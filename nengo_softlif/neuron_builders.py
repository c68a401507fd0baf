"""How NengoDL runs and trains soft LIF neurons.

Imported by the import finder in `.compat` as soon as nengo_dl has loaded.
"""

import numpy as np
import tensorflow as tf
from nengo.builder import Builder
from nengo.builder.neurons import SimNeurons, build_neurons
from nengo.neurons import RatesToSpikesNeuronType
from nengo_dl.neuron_builders import LIFRateBuilder, SimNeuronsBuilder

from .neurons import SoftLIFRate
from .noise import Dropout


@Builder.register(SoftLIFRate)
def build_soft_lif(model, neuron_type, neurons, **kwargs):
    """Build as any Nengo neuron, and prepare what NengoDL will look for."""
    build_neurons(model, neuron_type, neurons, **kwargs)
    _prepare(model, neuron_type, neurons, model.operators[-1])


_build_spiking = Builder.builders[RatesToSpikesNeuronType]


def build_spiking_soft_lif(model, neuron_type, neurons):
    """Build spiking types around a rate type, such as `nengo.RegularSpiking`.

    Nengo builds the rate type within them without asking its builder.
    """
    index = len(model.operators)
    _build_spiking(model, neuron_type, neurons)
    if isinstance(neuron_type.base_type, SoftLIFRate):
        _prepare(model, neuron_type.base_type, neurons, model.operators[index])


Builder.builders[RatesToSpikesNeuronType] = build_spiking_soft_lif


def _prepare(model, neuron_type, neurons, op):
    """Register the neuron type, and note whose neurons the operator simulates.

    NengoDL finds implementations by exact type, Nengo by inheritance: here
    subclasses come past and are registered, unless they have a curve of their
    own. The seed of the ensemble tells its noise from that of others, however
    NengoDL orders and merges operators; ensembles that were given the same seed
    are counted.
    """
    cls = type(neuron_type)
    if cls.step is SoftLIFRate.step:
        SimNeuronsBuilder.TF_NEURON_IMPL.setdefault(cls, SoftLIFRateBuilder)
    assert isinstance(op, SimNeurons)
    assert op.neurons is neuron_type
    seed = model.seeds[neurons.ensemble]
    seeds = [o.noise_seed[0] for o in model.operators if hasattr(o, "noise_seed")]
    op.noise_seed = (seed, seeds.count(seed))


class SoftLIFRateBuilder(LIFRateBuilder):
    """A group of soft LIF neurons, with noise in training.

    ``spiking = True`` is what makes NengoDL call `training_step` at all.

    Noise is a function of (seed of the simulator, seed of the ensemble, step),
    where the step counts passes in training. Counting on from stored `passes`
    therefore repeats an interrupted training to the last bit.
    """

    spiking = True

    def __init__(self, ops):
        super().__init__(ops)
        with tf.init_scope():
            self.passes = tf.Variable(0, dtype=tf.int32, trainable=False, name="passes")

    def build_pre(self, signals, config):
        """Gather the parameters of all merged ensembles."""
        super().build_pre(signals, config)
        neurons = [op.neurons for op in self.ops]
        self.sizes = [op.J.shape[0] for op in self.ops]
        self.sigma = signals.op_constant(neurons, self.sizes, "sigma", signals.dtype)

        # Looked at, not drawn: the same for all builders, in whatever order
        state = config.rng.get_state()
        seed = config.rng.randint(2**31)
        config.rng.set_state(state)
        # models built before NengoDL was loaded lack the seed
        seeds = [(seed, *getattr(op, "noise_seed", ())) for op in self.ops]
        self.keys = [np.random.SeedSequence(s).generate_state(2) for s in seeds]

    def step(self, J, dt):
        """Clean rates, times the amplitude."""
        return self._scaled(soft_lif(J, self.sigma, self.tau_rc, self.tau_ref))

    def training_step(self, J, dt):
        """Rates with the noise of each ensemble, times the amplitude."""
        rates = soft_lif(J, self.sigma, self.tau_rc, self.tau_ref)
        if any(op.neurons.noise is not None for op in self.ops):
            step = self.passes.assign_add(1)
            parts = zip(
                self.ops,
                tf.split(rates, self.sizes, axis=-1),
                tf.split(J, self.sizes, axis=-1),
                self.keys,
                strict=True,
            )
            rates = tf.concat(
                [
                    _noisy(op.neurons.noise, r, j, op.neurons.tau_rc, key, step)
                    for op, r, j, key in parts
                ],
                axis=-1,
            )
        return self._scaled(rates)

    def _scaled(self, rates):
        return rates if self.amplitude is None else self.amplitude * rates


def noise_counters(sim):
    """Counters of training passes of a simulator, one for each group of neurons.

    Parameters
    ----------
    sim : nengo_dl.Simulator
        A simulator of a network with soft LIF neurons.

    Returns
    -------
    list of tf.Variable
        Setting them sets which noise comes next.
    """
    builders = [
        getattr(builder, "built_neurons", None)
        for builder in sim.tensor_graph.op_builder.op_builds.values()
    ]
    return [b.passes for b in builders if isinstance(b, SoftLIFRateBuilder)]


def soft_lif(J, sigma, tau_rc, tau_ref):
    """Soft LIF rates in Hz, with their analytic gradient.

    See `.SoftLIFRate` for the equations. The gradient of what follows would
    multiply zeros with infinities below threshold.

    Parameters
    ----------
    J : tf.Tensor
        Input currents.
    sigma, tau_rc, tau_ref : tf.Tensor
        Parameters, broadcastable to ``J``.

    Returns
    -------
    tf.Tensor
        Rates, in the shape of ``J``.
    """
    tail = np.log(np.finfo(J.dtype.as_numpy_dtype).eps)

    @tf.custom_gradient
    def rates(J):
        scaled = (J - 1) / sigma
        # The softplus is spelled out: TensorFlow's own kernel is not vectorised.
        e = tf.exp(tf.maximum(-tf.abs(scaled), tail))
        z = sigma * (tf.nn.relu(scaled) + tf.math.log1p(e))
        # Deep below threshold z is an exponential to the last digit, and would
        # underflow: what is needed is its logarithm.
        in_tail = scaled < tail
        log_ratio = tf.where(
            in_tail, -scaled - tf.math.log(sigma), tf.math.log1p(1 / z)
        )
        out = 1 / (tau_ref + tau_rc * log_ratio)

        def gradient(upstream):
            # the logistic over z, which tends to 1 / sigma in the tail
            slope = tf.where(scaled > 0, tf.cast(1, J.dtype), e) / ((1 + e) * z)
            # not the square of out, which may overflow without refractory period
            return upstream * tau_rc * (out * slope) * (out / (1 + z))

        return out, gradient

    return rates(J)


def _noisy(noise, rates, J, tau_rc, key, step):
    """Rates of one ensemble with its noise, whose gradient is the clean one."""
    if noise is None:
        return rates

    def random(kind, stream):
        draw = getattr(tf.random, f"stateless_{kind}")
        seed = tf.stack([tf.constant(key[stream], tf.uint32), tf.cast(step, tf.uint32)])
        return draw(rates.shape, tf.bitcast(seed, tf.int32), dtype=rates.dtype)

    if isinstance(noise, Dropout):
        mask = noise.mask(random("uniform", 1), xp=tf.math)
        return mask * _noisy(noise.noise, rates, J, tau_rc, key, step)

    firing = J > 1
    fired = tf.where(firing, rates, tf.ones_like(rates))
    noisy = noise.sample(fired, random(noise.random, 0), tau_rc, xp=tf.math)
    return rates + tf.stop_gradient(tf.where(firing, noisy - rates, 0.0))
