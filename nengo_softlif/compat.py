"""Make nengo-dl 3.6 and nengo-loihi 1.1 load and run on the current stack.

Both were written for Keras 2, NumPy 1 and Nengo 3. ``import nengo_softlif`` calls
`install`, after which ``import nengo_dl`` and ``import nengo_loihi`` work as they are
written, on TensorFlow 2.16 and newer (with ``tf_keras``), NumPy 2 and Nengo 4.
Nothing heavy is imported until one of the two is. A spelling that survives import
sorters, which like to put ``nengo_dl`` before ``nengo_softlif``, is::

    from nengo_softlif.compat import nengo_dl, nengo_loihi

Which Keras you get
-------------------
``keras`` is and stays what you installed (Keras 3): only the lines in which nengo-dl
imports it see Keras 2. ``tf.keras`` exists once in a process and nengo-dl needs it to
be Keras 2, so `install` sets ``TF_USE_LEGACY_KERAS=1``, unless you have set that
variable yourself or ``tf_keras`` is not installed. From then on it is Keras 2. If
``tf.keras`` was used before as Keras 3, nengo-dl cannot load any more: importing it
raises an ImportError that says so, and everything that does not need it keeps working.

Faster
------
Importing nengo-dl as it is starts a second Python, with a second TensorFlow, only to
ask whether there is a GPU. Here TensorFlow is asked in this process, when the first
simulator is made and not before: asking fixes some of TensorFlow's settings.

TensorFlow leaves oneDNN, its faster kernels, off on many processors, those of AMD among
them. `install` sets ``TF_ENABLE_ONEDNN_OPTS=1``, unless you have set that variable
yourself or TensorFlow is loaded already. Results differ in rounding from those without
it, and are the same to the last bit each time on the same processor. Set it to 0 to
train to the bits of TensorFlow's own kernels.

Mended
------
nengo-dl takes a reversed slice of a whole object, such as ``ensemble.neurons[::-1]``,
for the object as it is, stops at a ``nengo.LinearFilter`` with passthrough, and on a
CPU without oneDNN trains no convolution in groups. All work as in Nengo.
"""

import builtins
import contextlib
import functools
import importlib
import importlib.util
import os
import subprocess
import sys
import types
import warnings

import numpy as np

# Modules of ours that register TensorFlow builders: they can load only after nengo_dl
_BUILDERS = ("tensors.neuron_builders", "tensors.transform_builders")


def install():
    """Put the import finder in place, and mend what is loaded already.

    Calling it again changes nothing.
    """
    if importlib.util.find_spec("tf_keras") is not None:
        # TensorFlow reads it on the first use of tf.keras, which nengo_dl may not be
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    # nengo_dl sets the same when it loads, which is too late: we load TensorFlow first
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    if "tensorflow" not in sys.modules:  # which looks at it while it loads
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

    # by name, so that a reloaded module replaces its former self
    ours = (_Finder.__module__, _Finder.__qualname__)
    sys.meta_path[:] = [_Finder()] + [
        finder
        for finder in sys.meta_path
        if (type(finder).__module__, type(finder).__qualname__) != ours
    ]

    if "nengo_dl" in sys.modules:
        _after_nengo_dl()
    if "nengo_loihi" in sys.modules:
        _after_nengo_loihi()


def __getattr__(name):
    """Import ``nengo_dl`` and ``nengo_loihi`` when they are asked for."""
    if name in ("nengo_dl", "nengo_loihi"):
        install()
        return importlib.import_module(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# -- finding and loading ---------------------------------------------------------------


class _Finder:
    """Find the modules in `_AROUND` as the other finders do, and wrap their loaders."""

    def find_spec(self, name, path=None, target=None):
        if name not in _AROUND:
            return None
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            if isinstance(finder, _Finder) or find_spec is None:
                continue
            spec = find_spec(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)
                return spec
        return None


class _Loader:
    """Another loader, with `_AROUND` around the execution of the module."""

    def __init__(self, loader):
        self.loader = loader

    def __getattr__(self, name):  # get_code, get_source, get_resource_reader, ...
        if name == "loader":  # a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        # whoever looks at the module later finds the loader it would have without us
        module.__loader__ = module.__spec__.loader = self.loader
        with _AROUND[module.__name__](module):
            self.loader.exec_module(module)


# -- nengo_dl --------------------------------------------------------------------------


@contextlib.contextmanager
def _around_nengo_dl(module):
    _keras2()  # fail before anything is half loaded
    _ignore_version_warnings()
    yield
    _after_nengo_dl()


@contextlib.contextmanager
def _around_nengo_dl_compat(module):
    # The one module of nengo_dl that imports from keras. An ``__import__`` of its own
    # redirects these lines alone: sys.modules["keras"] is never touched, so nothing has
    # to be restored and other threads see nothing.
    module.__builtins__ = {**vars(builtins), "__import__": _import_keras2}
    yield


def _import_keras2(name, globals=None, locals=None, fromlist=(), level=0):
    top, _, rest = name.partition(".")
    if top == "keras" and rest and level == 0:
        name = f"{_keras2()}.{rest}"
    return builtins.__import__(name, globals, locals, fromlist, level)


@contextlib.contextmanager
def _around_nengo_dl_utils(module):
    # Asks a process of its own whether there is a GPU. Answered is in this one, when
    # somebody wants to know: then a simulator is about to start TensorFlow's devices.
    module.__builtins__ = {**vars(builtins), "__import__": _import_no_processes}
    yield
    module.subprocess = subprocess
    if vars(module).pop("tf_gpu_installed", None) is not None:
        module.__getattr__ = functools.partial(_ask_for_gpu, module)


def _import_no_processes(name, globals=None, locals=None, fromlist=(), level=0):
    if name == "subprocess":
        return _NoProcesses(name)
    return builtins.__import__(name, globals, locals, fromlist, level)


class _NoProcesses(types.ModuleType):
    """`subprocess`, whose ``call`` starts nothing and says that it failed."""

    def __getattr__(self, name):
        return getattr(subprocess, name)

    @staticmethod
    def call(*args, **kwargs):
        return 1


def _ask_for_gpu(module, name):
    """Look up what a module lacks: ``tf_gpu_installed``."""
    if name != "tf_gpu_installed":
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    import tensorflow as tf

    module.tf_gpu_installed = bool(tf.config.list_physical_devices("GPU"))
    return module.tf_gpu_installed


def _keras2():
    """Load TensorFlow and return the package that implements ``tf.keras``.

    Returns
    -------
    package : str
        ``"tf_keras.src"``, or on old TensorFlow ``"keras.src"`` or ``"keras"``.

    Raises
    ------
    ImportError
        If ``tf.keras`` is Keras 3.
    """
    import tensorflow as tf

    package, keras2, _ = tf.keras.layers.Layer.__module__.rpartition(
        ".engine.base_layer"
    )
    if not keras2:
        if importlib.util.find_spec("tf_keras") is None:
            todo = "Install it: pip install tf_keras"
        else:
            todo = (
                "Import nengo_softlif (or nengo_dl after it) before anything uses "
                "tf.keras, or set the environment variable TF_USE_LEGACY_KERAS=1 "
                "before Python starts."
            )
        raise ImportError(
            "nengo_dl needs tf.keras to be Keras 2 (the package tf_keras), but in this "
            f"process it is Keras 3 already. {todo}"
        )
    if package == "tf_keras.src":
        # TensorFlow does this itself if it starts with TF_USE_LEGACY_KERAS set; else
        # ``from tensorflow.keras import ...`` would turn tf.keras into Keras 3 again
        api = os.path.dirname(importlib.import_module("tf_keras.api._v2").__file__)
        if api not in tf.__path__:
            tf.__path__.insert(0, api)
    return package


def _after_nengo_dl():
    """Register our builders, and tell nengo_loihi that nengo_dl works."""
    _mend_linear_filter()
    _mend_reversed_views()
    for name in _BUILDERS:
        importlib.import_module(f"{__package__}.{name}")
    for name in ("nengo_loihi.compat", "nengo_loihi.neurons"):
        if name in sys.modules:
            vars(sys.modules[name]).update(
                nengo_dl=sys.modules["nengo_dl"],
                HAS_DL=True,
                tf=sys.modules["tensorflow"],
                HAS_TF=True,
            )
    _register_loihi()


def quiet_simulator(*args, **kwargs):
    """Make a `nengo_dl.Simulator` without its warning that there is no GPU.

    Parameters and result are those of `nengo_dl.Simulator`.
    """
    nengo_dl = __getattr__("nengo_dl")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No GPU support detected")
        return nengo_dl.Simulator(*args, **kwargs)


def _mend_linear_filter():
    """Let nengo_dl build a `nengo.LinearFilter` with passthrough (D) of Nengo 4.

    It expects D with the one axis it had in Nengo 3; Nengo 4 gives it two.
    """
    from unittest import mock

    from nengo import LinearFilter
    from nengo_dl.process_builders import LinearFilterBuilder

    make_step, build_pre = LinearFilter.make_step, LinearFilterBuilder.build_pre

    def make_flat_step(*args, **kwargs):
        step = make_step(*args, **kwargs)
        step.D = np.ravel(step.D)
        return step

    @functools.wraps(build_pre)
    def build_pre_flat(self, signals, config):
        # nengo_dl takes the matrices out of these steps and never runs them
        with mock.patch.object(LinearFilter, "make_step", make_flat_step):
            build_pre(self, signals, config)

    if not hasattr(build_pre, "__wrapped__"):
        LinearFilterBuilder.build_pre = build_pre_flat


def _mend_reversed_views():
    """Let nengo_dl see that a view as large as its base may have another order.

    It takes each such view for a reshape, and so ``signal[::-1]`` for the signal.
    """
    from nengo_dl.tensor_graph import TensorGraph

    create_signals = TensorGraph.create_signals

    def create_and_reverse(self, sigs):
        create_signals(self, sigs)
        for signal in list(self.signals):
            # a reshape keeps to the order of memory
            if (
                signal.is_view
                and signal.size == signal.base.size
                and not signal.initial_value.flags.c_contiguous
            ):
                if not signal[::-1].initial_value.flags.c_contiguous:
                    raise NotImplementedError(
                        f"{signal} reverses an axis other than the first of "
                        f"{signal.base}, which NengoDL does not support"
                    )
                self.signals[signal] = self.signals[signal.base][::-1]

    if create_signals.__name__ != create_and_reverse.__name__:
        TensorGraph.create_signals = create_and_reverse


# -- nengo_loihi -----------------------------------------------------------------------


@contextlib.contextmanager
def _around_nengo_loihi(module):
    _ignore_version_warnings()
    yield
    _after_nengo_loihi()


@contextlib.contextmanager
def _around_nengo_loihi_compat(module):
    # The one module of nengo_loihi that imports TensorFlow and nengo_dl, which takes
    # many times as long as all else; it goes without if that fails. Where they are
    # loaded later, `_after_nengo_dl` hands them over.
    module.__builtins__ = {**vars(builtins), "__import__": _import_with_tensorflow}
    yield


def _import_with_tensorflow(name, globals=None, locals=None, fromlist=(), level=0):
    if name in ("tensorflow", "nengo_dl") and "tensorflow" not in sys.modules:
        raise ImportError(f"{name} is not needed yet", name=name)
    return builtins.__import__(name, globals, locals, fromlist, level)


def _after_nengo_loihi():
    """Make NengoLoihi work with NumPy 2, and without warnings that mean nothing."""
    if int(np.__version__.partition(".")[0]) >= 2:
        for name in ("nengo_loihi.block", "nengo_loihi.neurons"):
            sys.modules[name].np = _NumPy1("numpy")
    emulator = sys.modules["nengo_loihi.emulator.interface"]
    for state in (emulator.CompartmentState, emulator.NoiseState):
        if not hasattr(state.__init__, "__wrapped__"):
            # they fill arrays of integers with NaN first, of which NumPy warns
            state.__init__ = np.errstate(invalid="ignore")(state.__init__)
    _register_loihi()


def _register_loihi():
    """Register our builders for the neurons of nengo_loihi, when both have loaded."""
    neurons = sys.modules.get("nengo_loihi.neurons")
    # nengo_extras, which it imports where that is installed, loads nengo_dl before it
    # has any
    if "nengo_dl" in sys.modules and hasattr(neurons, "LoihiSpikingRectifiedLinear"):
        if neurons.HAS_DL:
            importlib.import_module(f"{__package__}.loihi.builders")


class _NumPy1(types.ModuleType):
    """NumPy, in which ``array(copy=False)`` copies where it has to."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def array(*args, copy=True, **kwargs):
        return np.array(*args, copy=copy or None, **kwargs)


def _ignore_version_warnings():
    """Be quiet about Nengo versions newer than the two packages: we test them."""
    warnings.filterwarnings(
        "ignore", "This version of .* has not been tested", module=r"nengo_(dl|loihi)\."
    )


_AROUND = {
    "nengo_dl": _around_nengo_dl,
    "nengo_dl.compat": _around_nengo_dl_compat,
    "nengo_dl.utils": _around_nengo_dl_utils,
    "nengo_loihi": _around_nengo_loihi,
    "nengo_loihi.compat": _around_nengo_loihi_compat,
}
