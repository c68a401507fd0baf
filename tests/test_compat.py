"""`nengo_softlif.compat`: every import order, and real runs on the two packages.

The file is also the script that tries the orders, in processes of its own.
"""

import contextlib
import importlib
import itertools
import json
import os
import pickle
import subprocess
import sys
import types
import warnings
from importlib.metadata import version

import numpy as np
import pytest

PACKAGES = ("nengo_softlif", "nengo_dl", "nengo_loihi", "tensorflow", "keras")
KERAS_3 = version("keras").startswith("3.")

# What an order can spoil depends on what loaded TensorFlow, or failed to load nengo_dl,
# before nengo_softlif came, and on who loads nengo_dl after it. These have one of each.
COVERING = [
    ("nengo_softlif", "nengo_dl", "nengo_loihi", "tensorflow", "keras"),
    ("nengo_softlif", "keras", "tensorflow", "nengo_loihi", "nengo_dl"),
    ("tensorflow", "nengo_softlif", "nengo_dl", "keras", "nengo_loihi"),
    ("keras", "nengo_softlif", "nengo_loihi", "nengo_dl", "tensorflow"),
    ("nengo_loihi", "keras", "nengo_softlif", "tensorflow", "nengo_dl"),
    ("nengo_dl", "nengo_softlif", "keras", "nengo_loihi", "tensorflow"),
]


def run(*args):
    """Run Python as a user starts it, and return the lines it prints."""
    env = dict(os.environ)
    # set in this process by nengo_softlif, in the user's not yet
    env.pop("TF_USE_LEGACY_KERAS", None)
    done = subprocess.run(
        [sys.executable, *args], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# -- import orders ---------------------------------------------------------------------


def import_in_order(orders, errors=(), imported=()):
    """Import along a tree of processes, forked for each package, and print what came.

    Orders that begin alike share the beginning: all 120 load TensorFlow 8 times. It has
    no threads yet where it is forked.
    """
    for name in dict.fromkeys(order[0] for order in orders):
        sys.stdout.flush()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        try:
            importlib.import_module(name)
        except Exception as err:
            errors = (*errors, f"{name}: {type(err).__name__}: {err}")
        imported = (*imported, name)
        rest = [order[1:] for order in orders if order[0] == name]
        if rest[0]:
            import_in_order(rest, errors, imported)
        else:
            print(json.dumps({"order": imported, "errors": errors, **what_works()}))
            sys.stdout.flush()
        os._exit(0)


def what_works():
    keras = sys.modules["keras"]
    dense = keras.layers.Dense

    import nengo
    import nengo_dl  # once more, where it failed
    import nengo_loihi

    with nengo.Network(seed=0) as net:
        ens = nengo.Ensemble(10, 1, neuron_type=nengo.LIFRate())
        nengo.Connection(nengo.Node([0.5]), ens)
        probe = nengo.Probe(ens.neurons)
    with nengo_dl.Simulator(net, progress_bar=False) as sim:
        rates = sim.predict(n_steps=3, verbose=0)[probe]
    return {
        "runs": bool(rates.max() > 0),
        "has_dl": nengo_loihi.compat.HAS_DL,
        "keras": keras.__version__,
        "keras_is_kept": importlib.import_module("keras") is keras
        and importlib.import_module("keras.layers").Dense is dense
        and dense.__module__.startswith("keras."),
    }


def check(orders):
    lines = run(__file__, json.dumps(sorted(orders)))
    results = [json.loads(line) for line in lines if line.startswith("{")]
    assert sorted(tuple(result["order"]) for result in results) == sorted(orders)
    for result in results:
        names = result.pop("order")
        alone = names.index("nengo_dl") < names.index("nengo_softlif")
        assert result == {
            # alone, nengo_dl says that it is too old, and works at the second attempt
            "errors": ["nengo_dl: ModuleNotFoundError: No module named 'keras.engine'"]
            * (alone and KERAS_3),
            "runs": True,
            "has_dl": True,
            "keras": version("keras"),
            "keras_is_kept": True,
        }, names


@pytest.mark.slow
def test_covering_import_orders():
    check(COVERING)


@pytest.mark.slow
@pytest.mark.skipif("ALL_IMPORT_ORDERS" not in os.environ, reason="takes seven minutes")
def test_all_import_orders():
    check(list(itertools.permutations(PACKAGES)))


# -- Keras -----------------------------------------------------------------------------


def test_light():
    code = "import sys, nengo_softlif; print(*sys.modules)"
    (modules,) = run("-c", code)
    heavy = {"tensorflow", "keras", "tf_keras", "nengo_dl", "nengo_loihi"}
    assert not heavy & set(modules.split())


def test_nengo_loihi_is_light_and_finds_nengo_dl_later():
    lines = run(
        "-c",
        "import nengo_softlif, nengo_loihi, sys\n"
        "loihi = nengo_loihi.neurons\n"
        "print('tensorflow' in sys.modules, loihi.HAS_DL, loihi.HAS_TF)\n"
        "import nengo_dl, tensorflow\n"
        "print(loihi.HAS_DL, loihi.nengo_dl is nengo_dl, loihi.tf is tensorflow)\n"
        "impl = nengo_dl.neuron_builders.SimNeuronsBuilder.TF_NEURON_IMPL\n"
        "print(nengo_loihi.LoihiLIF in impl)",
    )
    assert lines == ["False False False", "True True True", "True"]


def test_keras3_is_refused(monkeypatch):
    from nengo_softlif import compat

    layer = type("Layer", (), {"__module__": "keras.src.layers.layer"})
    layers = types.SimpleNamespace(Layer=layer)
    tf = types.SimpleNamespace(keras=types.SimpleNamespace(layers=layers))
    monkeypatch.setitem(sys.modules, "tensorflow", tf)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(ImportError, match=r"Import nengo_softlif .* before anything"):
        compat._keras2()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="pip install tf_keras"):
        compat._keras2()


@pytest.mark.slow
@pytest.mark.skipif(not KERAS_3, reason="tf.keras is always Keras 2")
def test_too_late():
    """Keras 3 in tf.keras costs nengo_dl, and nothing else."""
    lines = run(
        "-c",
        "import tensorflow as tf; Dense = tf.keras.layers.Dense\n"
        "import nengo_softlif, nengo_loihi\n"
        "try: import nengo_dl\n"
        "except ImportError as err: print(err)\n"
        "print(tf.keras.layers.Dense is Dense, nengo_loihi.compat.HAS_DL)",
    )
    assert "in this process it is Keras 3 already" in lines[0]
    assert lines[1:] == ["True False"]


@pytest.mark.slow
@pytest.mark.skipif(not KERAS_3, reason="tf.keras is always Keras 2")
def test_tensorflow_first():
    """Importing from tensorflow.keras later does not bring Keras 3 into tf.keras."""
    lines = run(
        "-Werror:This version of:UserWarning",  # "... has not been tested"
        "-c",
        "import tensorflow as tf, nengo_softlif, nengo_loihi\n"
        "from tensorflow.keras.layers import Dense\n"
        "print(Dense.__module__, tf.keras.layers.Dense is Dense)",
    )
    assert lines == ["tf_keras.src.layers.core.dense True"]


# -- quick -----------------------------------------------------------------------------


@pytest.mark.slow
def test_importing_nengo_dl_starts_no_process():
    """Nor the devices of TensorFlow, until somebody asks for GPUs."""
    lines = run(
        "-c",
        "import sys\n"
        "started = []\n"
        "sys.addaudithook(lambda event, args:\n"
        "    started.append(args) if args[:1] == (sys.executable,) else None)\n"
        "import nengo_softlif, nengo_dl, subprocess\n"
        "from tensorflow.python.eager.context import context\n"
        "utils = nengo_dl.utils\n"
        "print(started, context()._physical_devices, utils.subprocess is subprocess)\n"
        "import tensorflow as tf\n"
        "gpus = tf.config.list_physical_devices('GPU')\n"
        "print(utils.tf_gpu_installed is bool(gpus), len(started))\n"
        "tf.config.list_physical_devices = lambda kind: [kind]\n"
        "import importlib; importlib.reload(utils)\n"
        "from nengo_dl.utils import tf_gpu_installed\n"
        "print(tf_gpu_installed, hasattr(utils, 'nothing'), len(started))\n",
    )
    assert lines == ["[] None True", "True 0", "True False 0"]


@pytest.mark.parametrize(
    ("first", "users", "expected"),
    [("", None, "1"), ("", "0", "0"), ("import tensorflow", None, "None")],
)
def test_onednn(monkeypatch, first, users, expected):
    """On, unless the user chose, or it would come too late."""
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if users is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", users)
    code = f"{first}\nimport nengo_softlif, os\n" + (
        "print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    )
    assert run("-c", code) == [expected]


# -- finder and loader -----------------------------------------------------------------


def test_install_is_idempotent():
    from nengo_softlif import compat

    before = [type(finder).__name__ for finder in sys.meta_path]
    compat.install()
    # not under the module's name: others hold on to its functions
    importlib.reload(compat).install()
    assert [type(finder).__name__ for finder in sys.meta_path] == before
    assert before.count("_Finder") == 1


def test_unknown_name():
    with pytest.raises(ImportError, match="cannot import name 'nengo_spinnaker'"):
        from nengo_softlif.compat import nengo_spinnaker  # noqa: F401


def test_loader(monkeypatch, tmp_path):
    """A wrapped module looks like any other, also reloaded, and may fail."""
    from nengo_softlif import compat

    events = []

    @contextlib.contextmanager
    def around(module):
        events.append("before")
        yield
        events.append("after")

    module_file = tmp_path / "wrapped_module.py"
    module_file.write_text("def function(): return 1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(compat._AROUND, "wrapped_module", around)

    spec = importlib.util.find_spec("wrapped_module")
    assert spec.loader.get_source("wrapped_module") == "def function(): return 1"

    module = importlib.import_module("wrapped_module")
    monkeypatch.setitem(sys.modules, "wrapped_module", module)
    assert type(module.__loader__) is type(json.__loader__)
    assert module.__spec__.loader is module.__loader__
    assert pickle.loads(pickle.dumps(module.function)) is module.function
    assert importlib.reload(module) is module
    assert events == ["before", "after"] * 2

    module_file.write_text("raise RuntimeError('broken')")
    del sys.modules["wrapped_module"]
    with pytest.raises(RuntimeError, match="broken"):
        importlib.import_module("wrapped_module")
    assert "wrapped_module" not in sys.modules
    assert events[4:] == ["before"]


def test_nengo_dl_alone_sees_keras2(monkeypatch):
    from nengo_softlif import compat

    monkeypatch.setattr(compat, "_keras2", lambda: "json")
    module = types.ModuleType("nengo_dl.compat")
    keras = sys.modules.get("keras")
    with compat._around_nengo_dl_compat(module):
        exec("from keras.decoder import JSONDecoder; import os", vars(module))
    assert module.JSONDecoder is json.JSONDecoder
    assert module.os is os
    assert sys.modules.get("keras") is keras


# -- the packages at work --------------------------------------------------------------


def test_numpy1():
    from nengo_softlif.compat import nengo_loihi

    x = np.arange(3)
    mended = nengo_loihi.block.np.array
    assert mended(x, copy=False) is x
    assert mended(x, copy=False, dtype=float).dtype == float
    assert mended(x) is not x
    assert nengo_loihi.block.np.float64 is np.float64


@pytest.mark.slow
def test_fit(rng):
    from nengo_softlif.compat import nengo_dl

    import nengo
    import tensorflow as tf

    with nengo.Network(seed=0) as net:
        node = nengo.Node(np.zeros(8))
        ens = nengo.Ensemble(20, 1, neuron_type=nengo.LIFRate(amplitude=0.01))
        out = nengo.Node(size_in=2)
        nengo.Connection(
            node, ens.neurons, transform=nengo_dl.dists.Glorot(), synapse=None
        )
        nengo.Connection(
            ens.neurons, out, transform=nengo_dl.dists.Glorot(), synapse=None
        )
        probe = nengo.Probe(out)

    x = rng.uniform(-1, 1, (256, 1, 8))
    y = (x[..., :1] > 0).astype(int)
    with nengo_dl.Simulator(net, minibatch_size=32, progress_bar=False) as sim:
        sim.compile(
            tf.optimizers.Adam(0.01),
            loss=tf.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        loss = sim.fit({node: x}, {probe: y}, epochs=8, verbose=0).history["loss"]
    assert loss[-1] < 0.5 * loss[0]


SLICES = {
    "[:]": slice(None),
    "[::-1]": slice(None, None, -1),
    "[::2]": slice(None, None, 2),
    "[::-2]": slice(None, None, -2),
    "[4:1:-1]": slice(4, 1, -1),
    "[3, 0, 5]": [3, 0, 5],
    "[5, 3, 1, 0, 2, 4]": [5, 3, 1, 0, 2, 4],
}


@pytest.mark.parametrize("kind", ["node", "neurons", "ensemble"])
@pytest.mark.parametrize("planner", ["tree_planner", "noop_planner"])
def test_slices_are_those_of_nengo(kind, planner):
    """Of both ends, in any direction, through all kinds of transforms."""
    from nengo_softlif.compat import nengo_dl

    import nengo

    def part():
        if kind == "node":
            return nengo.Node(size_in=6)
        n_neurons, size = (6, 1) if kind == "neurons" else (20, 6)
        part = nengo.Ensemble(n_neurons, size, neuron_type=nengo.RectifiedLinear())
        return part.neurons if kind == "neurons" else part

    with nengo.Network(seed=0) as net:
        nengo_dl.configure_settings(planner=getattr(nengo_dl.graph_optimizer, planner))
        image = nengo.Node(lambda t: np.linspace(0.2, 1.2, 6) + t)
        probes = {}
        for (pre, a), (post, b) in itertools.product(SLICES.items(), repeat=2):
            n = len(np.arange(6)[a])
            if n != len(np.arange(6)[b]):
                continue
            square = np.arange(n * n).reshape(n, n) / n - 1
            transforms = [None, np.linspace(1, 2, n), square]
            if kind != "ensemble":
                corners = [(0, n - 1), (n - 1, 1)]
                transforms.append(nengo.Sparse((n, n), corners, init=[2.0, 3.0]))
            # one after the other for each pair of slices
            transform = transforms[len(probes) % len(transforms)]
            first, second = part(), part()
            nengo.Connection(image, first, synapse=None)
            nengo.Connection(first[a], second[b], transform=transform, synapse=None)
            probes[pre, post] = nengo.Probe(second)
    # Nengo's own merging fails with reversed slices
    with nengo.Simulator(net, progress_bar=False, optimize=False) as sim:
        sim.run_steps(3)
    with nengo_dl.Simulator(net, progress_bar=False) as dl_sim:
        dl_sim.run_steps(3)
    for slices, probe in probes.items():
        expected = sim.data[probe]
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(
            dl_sim.data[probe], expected, rtol=1e-4, atol=1e-4, err_msg=str(slices)
        )


def test_views_of_matrices():
    """Nengo builds no connection with such, but whoever writes a builder may."""
    from nengo_softlif.compat import nengo_dl

    import nengo
    from nengo.builder.operator import DotInc
    from nengo.builder.signal import Signal

    def outputs(simulator, view):
        with nengo.Network() as net:
            node = nengo.Node(size_in=4)
            probe = nengo.Probe(node)
        model = nengo.builder.Model()
        model.build(net)
        matrix = Signal(np.arange(12.0).reshape(4, 3), name="matrix")
        x = Signal(np.array([1.0, 0.3, -2.0]), name="x")
        model.add_op(DotInc(view(matrix), x, model.sig[node]["in"]))
        with simulator(None, model=model, progress_bar=False) as sim:
            sim.run_steps(1)
        return sim.data[probe][0]

    for view in (lambda m: m, lambda m: m[::-1]):
        expected = outputs(nengo.Simulator, view)
        assert np.ptp(expected) > 1
        np.testing.assert_allclose(outputs(nengo_dl.Simulator, view), expected)
    with pytest.raises(NotImplementedError, match=r"matrix.* reverses an axis other"):
        outputs(nengo_dl.Simulator, lambda m: m[:, ::-1])


def test_linear_filter_with_passthrough():
    from nengo_softlif.compat import nengo_dl

    import nengo

    filters = [
        nengo.LinearFilter([2], [1]),
        nengo.LinearFilter([0.01, 1], [0.02, 1]),
        nengo.LinearFilter([1e-4, 0.01, 1], [1e-4, 0.02, 1]),
    ]
    with nengo.Network() as net:
        node = nengo.Node(lambda t: [np.sin(20 * t), t])
        probes = [nengo.Probe(node, synapse=synapse) for synapse in filters]
    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run(0.05)
    with nengo_dl.Simulator(net, progress_bar=False) as dl_sim:
        dl_sim.run(0.05)
    for probe in probes:
        np.testing.assert_allclose(dl_sim.data[probe], sim.data[probe], atol=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_loihi_emulator():
    """Spikes from the host, convolved twice on the chip: rates as in Nengo."""
    from nengo_softlif.compat import nengo_loihi

    import nengo
    from nengo.dists import Choice, Uniform

    with nengo.Network(seed=1) as net:
        nengo_loihi.add_params(net)
        ensembles = net.config[nengo.Ensemble]
        ensembles.neuron_type = nengo.LIF(
            amplitude=0.01, initial_state={"voltage": Choice([0])}
        )
        ensembles.gain, ensembles.bias = Choice([1.0]), Choice([0.5])
        net.config[nengo.Connection].synapse = nengo.Lowpass(0.01)

        image = np.random.RandomState(0).rand(6, 6, 1)
        host = nengo.Ensemble(
            image.size,
            1,
            neuron_type=nengo.SpikingRectifiedLinear(amplitude=0.01),
            gain=Choice([150]),
            bias=Choice([0]),
        )
        net.config[host].on_chip = False
        nengo.Connection(nengo.Node(image.ravel()), host.neurons, synapse=None)

        layer, shape, probes = host, image.shape, []
        for n_filters in (4, 3):
            conv = nengo.Convolution(n_filters, shape, init=Uniform(-0.2, 0.35))
            chip = nengo.Ensemble(conv.output_shape.size, 1)
            nengo.Connection(layer.neurons, chip.neurons, transform=conv)
            probes.append(nengo.Probe(chip.neurons))
            layer, shape = chip, conv.output_shape

    with nengo.Simulator(net, progress_bar=False) as sim:
        sim.run(0.6)
    with nengo_loihi.Simulator(net, target="sim", progress_bar=False) as chip_sim:
        chip_sim.run(0.6)
    for probe in probes:
        rates, chip_rates = (
            100 * data[probe][100:].mean(axis=0) for data in (sim.data, chip_sim.data)
        )
        assert rates.max() > 50  # Hz
        assert np.corrcoef(rates, chip_rates)[0, 1] > 0.98
        assert np.abs(chip_rates - rates).mean() < 0.1 * rates.mean()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    # before nengo_softlif is there, nengo_dl looks for a GPU in a process of its own,
    # three seconds each time
    subprocess.call = lambda *args, **kwargs: 1
    import_in_order(json.loads(sys.argv[1]))
