"""ONNX, the format in which runtimes take networks that answer at once [1]_.

What is written is the network of rates, which `.fit` trains: to serve it where spikes
are not wanted, or to compare them with. `.to_nir` writes spiking networks.

References
----------
.. [1] Open Neural Network Exchange, https://onnx.ai; its operators:
   https://onnx.ai/onnx/operators.
"""

from .. import files
from ..models import check_model, check_rates, check_timeless


def to_onnx(model, path):
    r"""Write a network of rate neurons as an ONNX file.

    Parameters
    ----------
    model : Model
        Of rate neurons, without loops: `.SoftLIFRate`, `nengo.LIFRate`,
        `nengo.RectifiedLinear`, `nengo.Sigmoid` or `nengo.Tanh`. Left as it is. Noise,
        which acts in training only, is not written.
    path : str or Path
        A file name; ``.onnx`` is its usual ending. An earlier file survives if writing
        fails.

    Returns
    -------
    onnx.ModelProto
        What was written, of operator set 13. Its input ``"image"`` is float32: raw
        images (n, height, width, channels) as the model's `.Preprocessing` takes them,
        which is written, too; or prepared ones (n, size) if the model has none yet. Its
        output ``"answer"`` is (n, n_classes).

    Raises
    ------
    ImportError
        If onnx is not installed.
    ValidationError
        If the model is none, is of spiking neurons, or has synapses.
    Unconvertible
        If the network has loops, or neurons that ONNX has no form for; names the
        object. If it is larger than the 2 GB that such files hold.
    OSError
        If the file cannot be written.

    Notes
    -----
    Runtimes compute in float32, as most training does: answers are those of Nengo to
    about six digits.

    Examples
    --------
    >>> written = softlif.to_onnx(model, "digits.onnx")
    >>> [output.name for output in written.graph.output]
    ['answer']
    """
    onnx = _load()
    check_model(model)
    check_rates(
        model,
        "model",
        "write the model that to_spiking was given, or with to_nir the spiking one",
    )
    from . import writing  # which needs onnx

    proto = writing.write_model(model)
    check_timeless(model, "model", "write the model that to_spiking was given")
    onnx.checker.check_model(proto, full_check=True)
    files.replace(path, proto.SerializeToString())
    return proto


def _load():
    """Import onnx, or tell how to install it."""
    try:
        import onnx
        import onnx.checker
    except ImportError as error:
        raise ImportError(
            'writing ONNX files needs onnx: pip install "nengo_softlif[onnx]"'
        ) from error
    return onnx
