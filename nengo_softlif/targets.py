"""What the rest of the package asks of hardware, and of what emulates it."""

from abc import ABC, abstractmethod
from itertools import chain
from types import NoneType

from nengo.exceptions import ValidationError

from .checks import network_of
from .registry import BACKENDS, TARGETS


class Target(ABC):
    """A kind of chip: a subclass says what it is, a row in ``registry.TARGETS`` where.

    Modules with subclasses are loaded whenever somebody asks what a network was made
    for, so they import what takes long where it is used.

    Attributes
    ----------
    name : str
        That of its row.
    backends : dict of str to str
        What simulates it, or runs it: names, and where the `.Backend` of each is, as
        ``"module:object"``. The first is taken unless another is named.
    backend_help : str
        What they are, for the command line.
    conversion : str
        The function that makes networks for it, as users write it.
    step : float
        Time step of its backends, in seconds.
    """

    name = None
    backends = {}  # noqa: RUF012 (each subclass has its own)
    backend_help = ""
    conversion = None
    step = 0.001

    @abstractmethod
    def takes(self, network):
        """Whether a network has what this target needs, so that its backends run it.

        Parameters
        ----------
        network : nengo.Network
            The network.

        Returns
        -------
        bool
        """

    @abstractmethod
    def convert(self, model):
        """Make a model of spiking neurons one for this target.

        Parameters
        ----------
        model : Model
            As `.to_spiking` returns it; to be left as it is.

        Returns
        -------
        Model
        """

    def has_made(self, network):
        """Whether a network is what the conversion returned, so to speak finished."""
        return self.takes(network)

    def describe(self, network):
        """Return what this target's settings of a network are, as JSON holds them.

        Parameters
        ----------
        network : nengo.Network
            One that it takes.
        """
        return {}

    def restore(self, network, found):
        """Give a network the settings that `describe` returned of one like it.

        Parameters
        ----------
        network : nengo.Network
            Changed in place.
        found : dict
            As a file holds it.

        Raises
        ------
        ValidationError
            If it is none of this target's.
        """
        if found:
            raise ValidationError(
                f"expected no settings for {self.name}, got {found!r}", attr="header"
            )

    def rungs(self, spiking, chip, synapse, presentation):
        """What changes between the spiking network and the chip, for `.explain`.

        Parameters
        ----------
        spiking, chip : Model
            The model in spikes, and what `convert` made of it.
        synapse : nengo.synapses.Synapse or None
            That the spiking network was given.
        presentation : Presentation
            How images will be shown.

        Returns
        -------
        list of Step, or None
            The first differs from the spiking network by one change. What the target
            refuses is refused here, before anything is simulated. None for one rung
            with all changes.
        """
        return None

    def training(self):
        """What `.fit` takes into account of this target, with default settings.

        Returns
        -------
        TrainingTarget or None
            None if nothing can be trained for it.
        """
        return None


class TrainingHooks:
    """Where hardware has a say in training as layers; here it says nothing.

    A subclass has the methods for what it changes. Tensors are TensorFlow's.
    """

    def adapt_response(self, layer, response):
        """Return what takes the place of the response of a layer of neurons.

        Parameters
        ----------
        layer : Layer
            The neurons.
        response : Response
            From their weighted inputs to their rates, with noise and gradient.

        Returns
        -------
        callable
            Called as ``response(x, step, batch_last)``: as ``tensors.Response``.
        """
        return response

    def apply_weights(self, weights):
        """Return the weights as they act, once in each pass.

        Parameters
        ----------
        weights : dict of nengo.Connection to tf.Tensor
            As they are trained, in the shape of the connection's parameter, but for
            convolutions with channels first. To be left as they are.

        Returns
        -------
        dict of nengo.Connection to tf.Tensor
            Of the same shapes, and with a gradient by what came in.
        """
        return weights

    def penalise(self, layer, response, x, batch_last):
        """Return what a layer adds to the loss of a batch in training.

        Parameters
        ----------
        layer : Layer
            The neurons.
        response : callable
            What `adapt_response` returned for it.
        x : tf.Tensor
            Weighted inputs, which are the argument of the response.
        batch_last : bool
            Whether the examples lie along their last axis instead of the first.

        Returns
        -------
        tf.Tensor or None
            A scalar.
        """
        return None


class TrainingTarget(TrainingHooks, ABC):
    """What `.fit` takes into account of hardware: settings, and what they do."""

    @abstractmethod
    def describe(self):
        """Describe the settings, as JSON holds them.

        Returns
        -------
        dict
            With the name of the target as its ``type``.
        """

    def bind(self, feed_forward):
        """Return what acts on one network: this, unless it depends on the network.

        Parameters
        ----------
        feed_forward : FeedForward
            Layers of neurons, and what lies between them.

        Returns
        -------
        TrainingHooks

        Raises
        ------
        ValidationError
            If the network cannot be trained for the target.
        """
        return self


def target_of(model):
    """Find the target that a network was made for.

    Parameters
    ----------
    model : Model or nengo.Network
        The model.

    Returns
    -------
    Target or None
        None for networks of no target.

    Examples
    --------
    >>> from nengo_softlif import targets
    >>> targets.target_of(softlif.to_loihi(spiking)).name
    'loihi'
    >>> targets.target_of(spiking) is None
    True
    """
    network = network_of(model)
    return next((t for t in TARGETS.values() if t.takes(network)), None)


def all_backends():
    """Return a `.Table` of everything that runs models, that of targets included.

    Examples
    --------
    >>> from nengo_softlif import targets
    >>> "engine" in targets.all_backends(), "loihi-emulator" in targets.all_backends()
    (True, True)
    """
    of_targets = [target.backends.items() for target in TARGETS.values()]
    return BACKENDS.extended(dict(chain.from_iterable(of_targets)))


def check_unmade(model):
    """Refuse what a conversion returned; return the network of everything else."""
    network = network_of(model)
    for target in TARGETS.values():
        if target.has_made(network):
            raise ValidationError(
                f"it is what {target.conversion} returned, which is made for the chip "
                "already; give the network that it was made from",
                attr="model",
            )
    return network


def training_target(target, batch_norm=False):
    """Find what `.fit` was given: the name of a target, or settings of one.

    Parameters
    ----------
    target : str, TrainingTarget or None
        What was given.
    batch_norm : bool
        Whether layers are normalised, which goes with no target.

    Returns
    -------
    TrainingTarget or None

    Raises
    ------
    ValidationError
        If it is neither, names a target that nothing can be trained for, or does not
        go with batch normalisation.

    Examples
    --------
    >>> from nengo_softlif import targets
    >>> targets.training_target("loihi")
    LoihiTarget(max_rate=125.0, rate_weight=0.1)
    """
    if isinstance(target, str) and target in TARGETS:
        target = TARGETS[target].training() or target
    if not isinstance(target, (TrainingTarget, NoneType)):
        known = {name: TARGETS[name].training() for name in TARGETS}
        names = [repr(name) for name, settings in known.items() if settings]
        kinds = [
            f"a {type(settings).__name__}" for settings in known.values() if settings
        ]
        raise ValidationError(
            f"expected {', '.join(names + kinds)} or None, got {target!r}",
            attr="target",
        )
    if target is not None and batch_norm:
        raise ValidationError(
            "the chip rounds weights that batch normalisation is folded into already; "
            "train with it first, then for the chip without",
            attr="batch_norm",
        )
    return target
