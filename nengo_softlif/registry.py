"""What is chosen by name, and where it lives: nothing is loaded until it is used."""

from collections.abc import MutableMapping
from importlib.metadata import EntryPoint, entry_points

from nengo.exceptions import ValidationError


class Table(MutableMapping):
    """From names to objects, which are loaded when they are asked for.

    A package of somebody else adds rows by entry points of the group
    ``"nengo_softlif.<name of the table>"``, a program by assignment.

    Parameters
    ----------
    name : str
        What its rows are, in the plural.
    rows : dict of str to str
        Where the objects are, as ``"module:object"``.

    Examples
    --------
    >>> from nengo_softlif.registry import BACKENDS, Table
    >>> list(BACKENDS)
    ['engine', 'nengo-dl', 'nengo', 'rate']
    >>> Table("colours", {"pi": "math:pi"})["pi"]
    3.141592653589793
    """

    def __init__(self, name, rows):
        self.name = name
        self._rows = dict(rows)
        self._added_by_packages = False

    @property
    def rows(self):
        """The rows, and those that installed packages add."""
        if not self._added_by_packages:  # looking takes milliseconds
            found = entry_points(group=f"nengo_softlif.{self.name}")
            for row in found:
                self._rows.setdefault(row.name, row.value)
            self._added_by_packages = True
        return self._rows

    def extended(self, rows):
        """Return a table with these rows, too; packages are not asked once more."""
        table = Table(self.name, {**self.rows, **rows})
        table._added_by_packages = True
        return table

    def __getitem__(self, name):
        """Load the object."""
        row = self.rows[name]
        return EntryPoint(name, row, self.name).load() if isinstance(row, str) else row

    def __setitem__(self, name, row):
        """Add an object, or where it is."""
        self.rows[name] = row

    def __delitem__(self, name):
        """Remove a row."""
        del self.rows[name]

    def __iter__(self):
        """Go through the names."""
        return iter(self.rows)

    def __len__(self):
        """Count the rows."""
        return len(self.rows)

    def find(self, name, attr):
        """Load the object of a name that a user gave.

        Parameters
        ----------
        name : str
            The name.
        attr : str
            The argument in which it was given, for the error.

        Raises
        ------
        ValidationError
            If there is no such row.
        """
        if not isinstance(name, str) or name not in self:
            raise ValidationError(
                f"expected one of {', '.join(self)}, got {name!r}", attr=attr
            )
        return self[name]


BACKENDS = Table(
    "backends",
    {
        "engine": "nengo_softlif.evaluation.backends:ENGINE",
        "nengo-dl": "nengo_softlif.evaluation.backends:NENGO_DL",
        "nengo": "nengo_softlif.evaluation.backends:NENGO",
        "rate": "nengo_softlif.evaluation.backends:RATE",
    },
)
"""What runs a model that is for no special hardware: see `.Backend`."""

TARGETS = Table("targets", {"loihi": "nengo_softlif.loihi.target:LOIHI"})
"""Hardware, and what emulates it: see `.Target`."""

TRAINERS = Table(
    "trainers",
    {
        "layers": "nengo_softlif.training.as_layers:AsLayers",
        "spikes": "nengo_softlif.training.in_spikes:InSpikes",
        "nengo-dl": "nengo_softlif.training.through_nengo_dl:ThroughNengoDL",
    },
)
"""Ways to train; `.fit` takes the first that takes a network: see `.Trainer`."""

DERIVATIVES = Table(
    "derivatives",
    {
        "leak-corrected": "nengo_softlif.gradients.derivatives:LeakCorrected",
        "fast-sigmoid": "nengo_softlif.gradients.derivatives:FastSigmoid",
        "arctan": "nengo_softlif.gradients.derivatives:Arctan",
        "triangular": "nengo_softlif.gradients.derivatives:Triangular",
        "soft-lif": "nengo_softlif.gradients.derivatives:SoftLIF",
        "measured-rates": "nengo_softlif.gradients.derivatives:MeasuredRates",
    },
)
"""What stands for the derivative of spikes in training: see `.Derivative`."""

LOSSES = Table(
    "losses",
    {
        "cross-entropy": "nengo_softlif.gradients.losses:CrossEntropy",
        "membrane": "nengo_softlif.gradients.losses:Membrane",
    },
)
"""What is wrong with outputs over time: see `.Loss`."""

EXPERIMENTS = Table(
    "experiments",
    {
        "figure1": "nengo_softlif.experiments.tuning_curves:FIGURE1",
        "figure2": "nengo_softlif.experiments.spike_trains:FIGURE2",
        "decision-time": "nengo_softlif.experiments.decisions:DECISION_TIME",
        "rates-and-energy": "nengo_softlif.experiments.costs:RATES_AND_ENERGY",
        "modifications": "nengo_softlif.experiments.modifying:MODIFICATIONS",
        "noise": "nengo_softlif.experiments.training_noise:TRAINING_NOISE",
        "levers": "nengo_softlif.experiments.recipe:LEVERS",
    },
)
"""What papers show, and what we add, each by one command: see `.Experiment`."""

REPORTS = Table("reports", {"html": "nengo_softlif.report:write"})
"""What writes an evaluation down for readers; see `.Evaluation.report`."""

TRAINED = {
    "cifar10-best": "weights/cifar10-best.safetensors",
    "mnist-best": "weights/mnist-best.safetensors",
    "mnist-lenet": "weights/mnist-lenet.safetensors",
}
"""Trained models that come with the package, for `nengo_softlif.load`: from names that
begin with that of the data set to files in the package."""

PARTS = Table(
    "parts",
    {
        name: f"{module}:{name}"
        for module, names in {
            "nengo": (
                "AdaptiveLIF AdaptiveLIFRate Alpha Convolution Dense Izhikevich LIF "
                "LIFRate LinearFilter Lowpass PoissonSpiking RectifiedLinear "
                "RegularSpiking Sigmoid SpikingRectifiedLinear StochasticSpiking Tanh"
            ),
            "nengo.transforms": "ConvolutionTranspose Sparse",
            "nengo.dists": "Choice Exponential Gaussian Uniform",
            "nengo_softlif": (
                "AveragePool BernoulliSpiking IntegrateAndFire LocallyConnected "
                "SoftLIFRate"
            ),
            "nengo_softlif.noise": (
                "AlphaNoise AlphaRCNoise Dropout GaussianNoise LowpassNoise"
            ),
            "nengo_loihi.neurons": "LoihiLIF LoihiSpikingRectifiedLinear",
        }.items()
        for name in names.split()
    },
)
"""Classes of what networks consist of, by which files name them; see `.blueprints`."""
