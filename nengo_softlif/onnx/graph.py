"""Nodes and constants of an ONNX graph, as they are added."""

import numpy as np
from nengo.exceptions import Unconvertible
from onnx import TensorProto, helper, numpy_helper

LARGEST = 2**31 - 10**6
"""Bytes of numbers: Protocol Buffers, of which such files are, end at 2 GB."""

OPERATOR_SET = 13
"""Old enough for runtimes of years ago, and with all that is used here."""


class Graph:
    """A graph in the making.

    Attributes
    ----------
    scope : str
        What the names of nodes begin with.
    """

    def __init__(self):
        self.scope = ""
        self._nodes, self._constants, self._names = [], [], set()
        self._n_bytes = 0

    def add(self, kind, *inputs, **attributes):
        """Add a node of one output.

        Parameters
        ----------
        kind : str
            The operator.
        *inputs : str or array_like
            Names, or numbers, which become constants: float32, but whole numbers in
            arrays int64.
        **attributes
            Of the node.

        Returns
        -------
        str
            Name of what comes out.
        """
        names = [
            value if isinstance(value, str) else self._constant(value)
            for value in inputs
        ]
        name = self._unused(f"{self.scope}/{kind}")
        self._nodes.append(helper.make_node(kind, names, [name], name, **attributes))
        return name

    def finish(self, image_shape, answer, n_answers, **about):
        """Return the whole as a model.

        Parameters
        ----------
        image_shape : tuple of int
            Of one image, at the input ``"image"``.
        answer : str
            Name of what goes out, as ``"answer"``.
        n_answers : int
            Number of its values.
        **about
            Of the model, such as the program that made it.

        Returns
        -------
        onnx.ModelProto
        """
        self._nodes.append(helper.make_node("Identity", [answer], ["answer"], "answer"))
        image, answers = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
            for name, shape in (("image", image_shape), ("answer", (n_answers,)))
        )
        graph = helper.make_graph(
            self._nodes, "network", [image], [answers], self._constants
        )
        used = [helper.make_opsetid("", OPERATOR_SET)]
        oldest = helper.find_min_ir_version_for(used)
        return helper.make_model(graph, opset_imports=used, ir_version=oldest, **about)

    def _constant(self, values):
        values = np.asarray(values)
        counts = values.dtype.kind == "i" and values.ndim > 0
        dtype = np.int64 if counts else np.float32
        values = np.ascontiguousarray(values, dtype).reshape(values.shape)
        self._n_bytes += values.nbytes
        if self._n_bytes > LARGEST:
            raise Unconvertible(
                f"an ONNX file holds at most {LARGEST / 1e9:.1f} GB, but with "
                f"{self.scope!r} there are {self._n_bytes / 1e9:.1f} GB of weights"
            )
        name = self._unused(f"{self.scope}/constant")
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def _unused(self, name):
        n, found = 1, name
        while found in self._names:
            n += 1
            found = f"{name} {n}"
        self._names.add(found)
        return found
