"""How NengoDL runs and trains soft LIF neurons.

Imported by the import finder in `.compat` as soon as nengo_dl has loaded.
"""

import tensorflow as tf
from nengo.builder import Builder
from nengo.builder.neurons import SimNeurons, build_neurons
from nengo.neurons import RatesToSpikesNeuronType
from nengo_dl.neuron_builders import LIFRateBuilder, SimNeuronsBuilder

from ..neurons import SoftLIFRate
from .curves import Response, soft_lif


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
        self.responses = [
            Response(op.neurons, (seed, *getattr(op, "noise_seed", ())))
            for op in self.ops
        ]

    def step(self, J, dt):
        """Clean rates, times the amplitude."""
        rates = soft_lif(J, self.sigma, self.tau_rc, self.tau_ref)
        return rates if self.amplitude is None else self.amplitude * rates

    def training_step(self, J, dt):
        """Rates with the noise of each ensemble, times the amplitude."""
        if all(op.neurons.noise is None for op in self.ops):
            return self.step(J, dt)
        step = self.passes.assign_add(1)
        parts = tf.split(J, self.sizes, axis=-1)
        return tf.concat(
            [
                response(j, step)
                for response, j in zip(self.responses, parts, strict=True)
            ],
            axis=-1,
        )


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
