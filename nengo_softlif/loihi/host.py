"""What nengo-loihi builds of a network, and what of that it puts on the host."""

import nengo
import numpy as np
from nengo.exceptions import (
    BuildError,
    NengoException,
    Unconvertible,
    ValidationError,
)
from scipy import sparse

from .. import compat
from ..layers import parameters
from .decays import DT


def build(network, owner):
    """Let nengo-loihi build a network for its emulator.

    The network receives nengo-loihi's settings; what is built is cut into blocks and
    discretised. The owner is whose argument it is, for messages.

    Raises
    ------
    BuildError
        If it does not fit the chip, or its numbers.
    Unconvertible
        If nengo-loihi cannot build it; names the object.
    ValidationError
        If weights, gains or biases are infinite or NaN.
    """

    class NamingModel(compat.nengo_loihi.builder.Model):
        """Names the object that cannot be built."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.finite = []

        def build(self, obj, *args, **kwargs):
            try:
                built = super().build(obj, *args, **kwargs)
            except NengoException:
                raise
            except Exception as error:  # also those of its own messages
                kind = type(error)
                reason = str(error) or "it is not made for such"
                if kind not in (NotImplementedError, AssertionError):
                    reason = f"{kind.__name__}: {reason}"
                raise Unconvertible(
                    f"nengo-loihi cannot build {obj}: {reason}; to_loihi rebuilds "
                    "networks so that it can"
                ) from error
            # also what nengo-loihi put in place of a connection
            for new in list(self.params)[len(self.finite) :]:
                self.finite.append(new)
                _check_finite(new, self.params[new], owner)
            return built

    model = NamingModel(dt=DT, label=str(network))
    try:
        with parameters.building():
            model.build(network)
    except (BuildError, Unconvertible) as error:
        # nengo-loihi forgets the names of layers that it cuts into blocks
        waiting = [block for block in model.blocks if block.discretize_info is None]
        if not model.block_comp_map or not waiting:
            raise
        raise BuildError(
            f"nengo-loihi cannot express {waiting[0].label} in the chip's numbers, "
            "which all scale with the largest weight: weights are too small, or biases "
            "too large, or weights too large beside the threshold; scale weights, "
            "gains or biases"
        ) from error
    return model


def _check_finite(obj, built, owner):
    """Refuse numbers that discretisation would turn into others."""
    if isinstance(obj, nengo.Connection):
        names = ["weights"]
    elif isinstance(obj, nengo.Ensemble):
        names = ["gain", "bias"]
    else:
        return
    for name in names:
        array = getattr(built, name)
        array = array.data if sparse.issparse(array) else array
        if not np.isfinite(array).all():
            raise ValidationError(
                f"it has damaged weights: the {name} of {obj} are infinite or NaN; did "
                "its training diverge?",
                attr="network",
                obj=owner,
            )


def read_host(loihi_model, model):
    """Put together what nengo-loihi put on the host.

    Parameters
    ----------
    loihi_model : nengo_loihi.builder.Model
        What it built.
    model : nengo.builder.Model
        Receives what Nengo built of it.

    Returns
    -------
    host : nengo.Network
        Contains the objects themselves.
    senders : dict of nengo.Node to nengo.Connection
        Nodes that stand for the chip, and what leads to them, neither of which is in
        the network.
    """
    model.params.update(loihi_model.params)
    host = nengo.Network(add_to_container=False)
    senders = {}
    for part in (loihi_model.host_pre, loihi_model.host):
        model.params.update(part.params)
        model.seeds.update(part.seeds)
        for obj in part.params:
            if isinstance(obj, nengo.Node):
                if obj not in loihi_model.host2chip_senders:
                    host.nodes.append(obj)
            elif isinstance(obj, nengo.Ensemble):
                host.ensembles.append(obj)
            elif isinstance(obj, nengo.Probe):
                host.probes.append(obj)
            elif isinstance(obj, nengo.Connection):
                if obj.post_obj in loihi_model.host2chip_senders:
                    senders[obj.post_obj] = obj
                elif not isinstance(obj.post_obj, nengo.Probe):
                    host.connections.append(obj)
    model.params[host] = None
    return host, senders
