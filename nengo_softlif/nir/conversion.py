"""NIR, the format in which packages for spiking networks exchange these [1]_.

A NIR graph is of differential equations, without a time step. What a spike is, is seen
in two ways: by the equations it is a Dirac pulse, of integral 1, as in Nengo; packages
that go in steps let it be 1 as long as a step lasts, and most take 0.1 ms for that.
`to_nir` writes the one (``"strict"``) or the other (``"portable"``). Time constants are
in seconds.

References
----------
.. [1] J. E. Pedersen, S. Abreu, M. Jobst et al., "Neuromorphic intermediate
   representation: A unified instruction set for interoperable brain-inspired
   computing", Nature Communications 15:8122, 2024; https://neuroir.org.
"""

import io

import numpy as np
from nengo.exceptions import Unconvertible, ValidationError

from .. import files
from ..checks import check_number
from ..models import check_model

PROFILES = "strict", "portable"

STEP = 1e-4
"""Seconds that a spike lasts in graphs of packages that go in steps: snnTorch has no
other step, SpikingJelly this one unless told otherwise."""

_UNREADABLE = (
    *(AssertionError, AttributeError, IndexError, KeyError, OSError, RecursionError),
    *(RuntimeError, TypeError, ValueError),
)
"""What h5py and nir raise where a file is not what they expect."""


def to_nir(model, path, profile="strict", rates=20.0):
    r"""Write a spiking network as a NIR graph.

    Parameters
    ----------
    model : Model
        Of spiking neurons, without loops: `nengo.LIF`, `.IntegrateAndFire` or
        `nengo.SpikingRectifiedLinear`. Left as it is.
    path : str or Path
        A file name; ``.nir`` is its usual ending. An earlier file survives if writing
        fails.
    profile : {"strict", "portable"}
        ``"strict"`` is exact in continuous time but for what NIR has no words for:
        refractory times, lowest voltages and initial voltages stand in metadata, from
        which `from_nir` makes a network with the same spikes. ``"portable"`` is what
        other packages can read: one filter for each layer, of the same mean delay and,
        for `nengo.Alpha`, the same variance of filtered spikes; pools as convolutions;
        biases among the weights; no refractory time; no filter at the output; spikes
        that are 1 for 0.1 ms.
    rates : float or dict of str to float
        Firing rates in Hz: of all layers, or of each by its label, such as
        ``evaluate(model, data).rates_hz``. Only ``"portable"`` uses them: to tell in
        each layer's metadata by how much it fires more often without refractory
        time, given the same input.

    Returns
    -------
    nir.NIRGraph
        What was written.

    Raises
    ------
    ImportError
        If nir is not installed.
    ValidationError
        If an argument is not of these.
    Unconvertible
        If the network has neurons, synapses or loops that NIR has no form for; names
        the object.
    OSError
        If the file cannot be written.

    Notes
    -----
    At a constant current a neuron that fires at the rate :math:`f` fires at
    :math:`f / (1 - f \tau_{ref})` without the refractory time: if that is 2 ms, 4 %
    more often at 20 Hz, and 25 % at 100 Hz.

    Examples
    --------
    >>> graph = softlif.to_nir(spiking, "digits.nir")
    >>> type(graph).__name__
    'NIRGraph'
    """
    nir = _load()
    check_model(model)
    if profile not in PROFILES:
        raise ValidationError(
            f"expected one of {', '.join(PROFILES)}, got {profile!r}", attr="profile"
        )
    for rate in rates.values() if isinstance(rates, dict) else [rates]:
        check_number("rates", rate, "firing rates in Hz", 0)
    from . import writing  # which needs nir

    graph = writing.write_graph(model, profile == "strict", STEP, rates)
    content = io.BytesIO()
    nir.write(content, graph)
    files.replace(path, content.getvalue())
    return graph


def from_nir(path, dt=None):
    """Make a network of a NIR graph, of plain Nengo objects.

    Parameters
    ----------
    path : str, Path or nir.NIRGraph
        A file, or a graph that was read already. Without loops, of one input and one
        output, and of the nodes Affine, Linear, Scale, Conv1d, Conv2d, AvgPool2d,
        SumPool2d, Flatten, LI, CubaLI, IF, LIF and CubaLIF. Several edges into a node
        are added up.
    dt : float, optional
        Seconds that a spike lasts: the time step for which the graph was written. By
        default what `to_nir` wrote, or else 1e-4, as SpikingJelly and snnTorch have it.

    Returns
    -------
    Model
        Images are flat, channels last, while NIR has channels first. Answers are the
        graph's output.

    Raises
    ------
    ImportError
        If nir is not installed.
    ValidationError
        If there is no such file, it holds no NIR graph, or would not fit memory.
    Unconvertible
        If the graph has a loop, or nodes that are no part of such networks; names the
        node, and says what is possible.

    Notes
    -----
    LIF and CubaLIF become `nengo.LIF` without refractory time and lowest voltage, IF
    becomes `.IntegrateAndFire` without a leak. Resistances, thresholds, and voltages of
    leak and reset become gains and biases. Spikes of `nengo.LIF` come in the steps in
    which those of the equations do; but after each it waits for the next step, so that
    intervals are half a step longer on average: simulate with short steps. What
    `to_nir` wrote with ``profile="strict"`` comes back with its refractory times and
    voltages, and the same spikes.

    Examples
    --------
    >>> graph = softlif.to_nir(spiking, "digits.nir")
    >>> softlif.from_nir("digits.nir")
    Model(64 inputs, conv1 1024 - conv2 512 - dense3 64 neurons, 10 classes)
    """
    _load()
    if dt is not None:
        check_number("dt", dt, "a positive number of seconds", 0, low_open=True)
    from . import reading

    if hasattr(path, "nodes") and hasattr(path, "edges"):
        return reading.read_graph(path, dt, STEP)
    path = files.expanded(path)
    try:
        _check_file(path)
        graph = _read(path)
    except (ValidationError, Unconvertible):
        raise
    except _UNREADABLE as error:
        raise _unfit(path, f"holds no NIR graph ({_first_line(error)})") from error
    return reading.read_graph(graph, dt, STEP)


def _load():
    """Import nir, or tell how to install it."""
    try:
        import nir
    except ImportError as error:
        raise ImportError(
            'exchange of NIR graphs needs nir: pip install "nengo_softlif[nir]"'
        ) from error
    return nir


def _read(path):
    """Read a graph; its types are checked when it becomes a network."""
    import nir

    return nir.read(path, type_check=False)


def _check_file(path):
    """Refuse files that are none, unpack to more than memory, or hold unknown nodes."""
    try:
        odd = files.irregular(path)
    except FileNotFoundError as error:
        raise _unfit(path, "does not exist") from error
    if odd:
        raise _unfit(path, *odd)
    import h5py
    import nir

    with h5py.File(path, "r") as file:
        sizes, kinds = [], {}

        def look(name, item):
            if isinstance(item, h5py.Dataset):
                sizes.append(int(np.prod(item.shape or (), dtype=object)) * 8)
                if name.endswith("/type") and name.count("/") == 3:
                    kinds[name.split("/")[2]] = _text(item[()])

        file.visititems(look)
    what = f"the graph in {str(path)!r}"
    files.check_unpacked(sum(sizes), path.stat().st_size, what)
    for name, kind in kinds.items():
        if kind not in nir.ir.__all__:
            raise Unconvertible(
                f"node {name!r} of {what} is a {kind}, which nir {nir.version} does "
                "not know; upgrade nir, or write the graph without"
            )


def _unfit(path, came, remedy="give a file that nir.write or to_nir wrote"):
    return ValidationError(
        f"expected a file with a NIR graph, but {str(path)!r} {came}; {remedy}",
        attr="path",
    )


def _first_line(error):
    return str(error).partition("\n")[0] or type(error).__name__


def _text(value):
    return value.decode("utf8", "replace") if isinstance(value, bytes) else str(value)
