"""How NengoDL runs and trains neurons that have a row in `.CURVES`, or runs others.

Imported by the import finder in `.compat` as soon as nengo_dl has loaded.
"""

from functools import wraps

import tensorflow as tf
from nengo.builder import Builder
from nengo.builder.neurons import SimNeurons
from nengo.builder.optimizer import OpMerger, SimNeuronsMerger
from nengo.neurons import NeuronType, RatesToSpikesNeuronType
from nengo_dl.builder import Builder as NengoDLBuilder
from nengo_dl.neuron_builders import SimNeuronsBuilder, TFNeuronBuilder

from ..neurons import NeuronTable
from ..spiking_neurons import BernoulliSpiking, IntegrateAndFire
from .curves import CURVES, Response, noise_of

BUILDERS = NeuronTable(
    "builders",
    {
        IntegrateAndFire: f"{__package__}.spiking_builders:IntegrateAndFireBuilder",
        BernoulliSpiking: f"{__package__}.spiking_builders:BernoulliBuilder",
    },
)
"""What builds spiking types in NengoDL, other than NengoDL itself."""


class SimRates(SimNeurons):
    """Nengo's operator for neurons, where they have a curve in TensorFlow.

    Parameters
    ----------
    op : nengo.builder.neurons.SimNeurons
        What Nengo built.
    noise_seed : (int, int)
        The seed of the ensemble, and how many before it have the same. It tells the
        noise of one ensemble from that of others, however NengoDL orders and merges
        operators.

    Attributes
    ----------
    noise_seed : (int, int)
        As above.
    """

    def __init__(self, op, noise_seed):
        state = {**op.state, **op.state_extra}
        super().__init__(op.neurons, op.J, op.output, state, op.tag)
        self.noise_seed = noise_seed


# for NengoDL and for Nengo they are neurons like others
NengoDLBuilder.builders[SimRates] = SimNeuronsBuilder
OpMerger.mergers[SimRates] = SimNeuronsMerger


def noise_seeds(model):
    """Find from what the noise of each ensemble is made, by `SimRates`."""
    return {op: op.noise_seed for op in model.operators if isinstance(op, SimRates)}


def _with_noise_seeds(build):
    """Let one of Nengo's functions build `SimRates` where there is a curve.

    Nengo builds the rate type within spiking types, such as `nengo.RegularSpiking`,
    without asking its builder: here the operators of both come past.
    """
    build = getattr(build, "__wrapped__", build)  # if this module is reloaded

    @wraps(build)
    def build_neurons(model, neuron_type, neurons, *args, **kwargs):
        first = len(model.operators)
        build(model, neuron_type, neurons, *args, **kwargs)
        for i, op in enumerate(model.operators[first:], first):
            if isinstance(op, SimNeurons) and _has_curve(op.neurons):
                seed = model.seeds[neurons.ensemble]
                seeds = [of_ensemble for of_ensemble, _ in noise_seeds(model).values()]
                model.operators[i] = SimRates(op, (seed, seeds.count(seed)))

    return build_neurons


def _has_curve(neurons):
    """Say whether there is a curve, and tell NengoDL, which looks up exact types."""
    has_curve = CURVES.of(neurons) is not None
    tf_builders, cls = SimNeuronsBuilder.TF_NEURON_IMPL, type(neurons)
    builder = RatesBuilder if has_curve else BUILDERS.of(neurons)
    if builder is not None:
        tf_builders.setdefault(cls, builder)
    elif tf_builders.get(cls) is RatesBuilder:  # its row has been removed
        del tf_builders[cls]
    return has_curve


for kind in (NeuronType, RatesToSpikesNeuronType):
    Builder.builders[kind] = _with_noise_seeds(Builder.builders[kind])


class RatesBuilder(TFNeuronBuilder):
    """A group of rate neurons of one type, with noise in training.

    ``spiking = True`` is what makes NengoDL call `training_step` at all.

    Noise is a function of (seed of the simulator, seed of the ensemble, step),
    where the step counts passes in training. Counting on from stored `passes`
    therefore repeats an interrupted training to the last bit.
    """

    spiking = True

    def __init__(self, ops):
        super().__init__(ops)
        self.curve = CURVES.of(ops[0].neurons)
        with tf.init_scope():
            self.passes = tf.Variable(0, dtype=tf.int32, trainable=False, name="passes")

    def build_pre(self, signals, config):
        """Gather the parameters of all merged ensembles."""
        super().build_pre(signals, config)
        neurons = [op.neurons for op in self.ops]
        self.sizes = [op.J.shape[0] for op in self.ops]
        self.parameters = [
            signals.op_constant(neurons, self.sizes, name, signals.dtype)
            for name in self.curve.parameters
        ]
        # Looked at, not drawn: the same for all builders, in whatever order
        state = config.rng.get_state()
        seed = config.rng.randint(2**31)
        config.rng.set_state(state)
        # models built before NengoDL was loaded have none of our operators
        self.responses = [
            Response(
                op.neurons,
                (seed, *(op.noise_seed if isinstance(op, SimRates) else ())),
            )
            for op in self.ops
        ]

    def step(self, J, dt):
        """Clean rates, times the amplitude."""
        rates = self.curve(J, *self.parameters)
        return rates if self.amplitude is None else self.amplitude * rates

    def training_step(self, J, dt):
        """Rates with the noise of each ensemble, times the amplitude."""
        if all(noise_of(op.neurons) is None for op in self.ops):
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

    Setting them sets which noise comes next.
    """
    builders = [
        getattr(builder, "built_neurons", None)
        for builder in sim.tensor_graph.op_builder.op_builds.values()
    ]
    return [b.passes for b in builders if isinstance(b, RatesBuilder)]
