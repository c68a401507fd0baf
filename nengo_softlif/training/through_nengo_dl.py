"""The way to train all other networks: through NengoDL."""

import numpy as np
from nengo.exceptions import ValidationError

from ..compat import nengo_dl, quiet_simulator
from ..layers import check_gains
from ..tasks import TASKS
from ..tensors import noise_counters, noise_seeds
from .trainers import Trainer


class ThroughNengoDL(Trainer):
    """Training of any network that NengoDL can simulate.

    See `.Trainer`.
    """

    name = "nengo-dl"
    options = frozenset({"label_smoothing", "loss"})
    tasks = frozenset(TASKS)
    networks = "what NengoDL simulates"
    warning = "training through NengoDL, which is slower"

    def __init__(self, network, image, answer, settings):
        super().__init__(network, image, answer, settings)
        batch_size = settings.batch_size
        with network:
            # A rate network is run for one step, and unmerged operators read and
            # write whole arrays instead of slices, which is several times faster.
            nengo_dl.configure_settings(
                stateful=False,
                use_loop=False,
                planner=nengo_dl.graph_optimizer.noop_planner,
            )
        sim = self._sim = quiet_simulator(
            network, minibatch_size=batch_size, seed=settings.seed, progress_bar=False
        )
        try:
            check_gains(network, sim.model.params)
        except ValidationError:
            self.close()
            raise
        self.keras_model = sim.keras_model
        names = sim.tensor_graph.io_names
        self._input_name, self.output_name = names[image], names[answer]
        self._constant = {"n_steps": np.ones((batch_size, 1), np.int32)}
        for node in sim.tensor_graph.invariant_inputs:
            if node is not image:
                self._constant[names[node]] = np.tile(
                    node.output, (batch_size, 1, 1)
                ).astype(np.float32)
        self.counters = noise_counters(sim)
        self.noise_seeds = [
            [int(seed) for seed in seeds] for seeds in noise_seeds(sim.model).values()
        ]
        self.biases = self._find_biases(network, image)

    @property
    def data(self):
        """See `.Trainer`."""
        return self._sim.data

    def train(self, images, labels):
        """See `.Trainer`."""
        result = self.keras_model.train_on_batch(
            self._inputs(images),
            {self.output_name: labels.reshape(len(labels), 1, -1)},
            reset_metrics=False,
            return_dict=True,
        )
        return float(result["loss"]), float(result[f"{self.output_name}_measure"])

    def predict(self, images):
        """See `.Trainer`."""
        out = self.keras_model.predict_on_batch(self._inputs(images))
        out = out[self.output_name] if isinstance(out, dict) else out[0]
        return out[:, -1]

    def close(self):
        """Close the simulator."""
        self._sim.close()

    def _inputs(self, images):
        return {**self._constant, self._input_name: images[:, np.newaxis]}

    def _find_biases(self, network, image):
        """Variables of NengoDL's that hold no weights, only biases.

        A bias is a weight from a node that puts out a constant.
        """
        weights = set()
        for connection in network.all_connections:
            pre = connection.pre_obj
            constant = getattr(pre, "size_in", 1) == 0 and pre is not image
            if connection.has_weights and not constant:
                signal = self._sim.model.sig[connection]["weights"]
                graph = self._sim.tensor_graph
                weights.add(id(graph.base_params[graph.signals[signal].key]))
        return [v for v in self.keras_model.trainable_weights if id(v) not in weights]
