"""The systems that simulate a Nengo network as it is."""

import warnings
from functools import partial
from importlib.metadata import version

import numpy as np

from . import networks
from .workers import serve

DT = 0.001
CHUNK = 50  # steps in one call of NengoDL, whose input is as long


class Engine:
    """Our engine; if told to, it multiplies everything instead of following spikes."""

    def __init__(self, model, images, steps, dense=False):
        from nengo_softlif.engine import products
        from nengo_softlif.engine.simulator import Simulator

        if dense:
            products.DENSE_ADVANTAGE = np.inf

        self.steps, self.probe, self.layers = steps, model.output, model.ensembles
        # constant images: one step of data, shown in all
        self.data = {model.input: images[:, None]}
        self.sim = Simulator(
            model.network,
            dt=DT,
            seed=0,
            minibatch_size=len(images),
            dtype="float32",
            progress_bar=False,
        )
        self.n_images = len(images)

    @property
    def about(self):
        """With the rates of the last run, as the engine's speed depends on them."""
        rates = [
            self.sim.spike_counts(layer).mean() / (self.steps * DT)
            for layer in self.layers
        ]
        shown = ", ".join(f"{rate:.1f}" for rate in rates)
        return {
            "settings": f"nengo_softlif {version('nengo_softlif')}, float32; its "
            f"layers fire at {shown} Hz",
            "images": self.n_images,
            "rates_hz": rates,
        }

    def reset(self):
        """Return to the initial state."""
        self.sim.reset()

    def run(self):
        """Simulate all steps."""
        self.sim.run_steps(self.steps, data=self.data)
        return self.sim.data[self.probe]


class NengoDL:
    """NengoDL, through our `compat` and with our fast builder for pooling."""

    def __init__(self, model, images, steps, unroll):
        from nengo_softlif.compat import nengo_dl

        self.input, self.probe = model.input, model.output
        shown = np.broadcast_to(
            images[:, None], (len(images), min(steps, CHUNK), images.shape[1])
        )
        self.shown = np.ascontiguousarray(shown)
        self.lengths = [min(CHUNK, steps - start) for start in range(0, steps, CHUNK)]
        with model.network:
            nengo_dl.configure_settings(
                inference_only=True,
                # merging takes longer than it saves in networks of few, large operators
                planner=nengo_dl.graph_optimizer.noop_planner,
                dtype="float32",
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No GPU support detected")
            self.sim = nengo_dl.Simulator(
                model.network,
                dt=DT,
                seed=0,
                minibatch_size=len(images),
                unroll_simulation=unroll,
                progress_bar=False,
            )
        self.about = {
            "settings": f"nengo-dl {version('nengo-dl')}, TensorFlow "
            f"{version('tensorflow')}, float32, inference_only, noop_planner, "
            f"unroll_simulation={unroll}, calls of {CHUNK} steps",
            "images": len(images),
        }

    def reset(self):
        """Return to the initial state."""
        self.sim.reset(include_trainable=False)

    def run(self):
        """Simulate all steps."""
        outputs = [
            self.sim.predict_on_batch(
                {self.input: self.shown[:, :length]}, stateful=True
            )[self.probe]
            for length in self.lengths
        ]
        return np.concatenate(outputs, axis=1)


class Nengo:
    """Nengo's own simulator: the first image alone."""

    def __init__(self, model, images, steps):
        import nengo

        self.steps, self.probe = steps, model.output
        model.input.output = images[0]
        self.sim = nengo.Simulator(model.network, DT, seed=0, progress_bar=False)
        self.about = {
            "settings": f"nengo {version('nengo')}, float64, one image at a time",
            "images": 1,
        }

    def reset(self):
        """Return to the initial state."""
        self.sim.reset()

    def run(self):
        """Simulate all steps."""
        self.sim.run_steps(self.steps, progress_bar=False)
        return self.sim.data[self.probe][None]


SYSTEMS = {
    "engine": Engine,
    "engine-dense": partial(Engine, dense=True),
    "nengo-dl": NengoDL,
    "nengo": Nengo,
}


def make(name, threads, network, weights, width, data, hertz, batch, steps, **settings):
    """Make one of the systems, with a network and images of its own."""
    model = networks.make(network, weights, width, data, hertz)
    return SYSTEMS[name](model, networks.images(model, batch, data), steps, **settings)


if __name__ == "__main__":
    serve(make)
