"""Other libraries that train in spikes: snnTorch, SpikingJelly and Norse.

They run in an environment of their own (`environment`); nothing of Nengo is imported.
Two tasks, which `spiking_training` describes: the LeNet of Lee et al. (2020), and one
layer, as Open Neuromorphic times it. The neurons are theirs, and the same: in each step
``v = decay v + current``, a spike where v exceeds the threshold, and then v = 0. With
the same weights all fire the same spikes, except where v is as good as at the threshold
(the decay is calculated in different ways).

snnTorch 1.0
    ``Leaky(reset_mechanism="zero")``, ``reset_mechanism="none"`` for the readout. Steps
    are looped over by its user: around all layers, as its tutorials do, or around the
    neurons of one layer after the other, which lets a product take all steps at once.
    Surrogate: its default, the arctangent.
SpikingJelly 2.0
    Multi-step mode, layer by layer: a product takes steps x batch at once.
    ``LIFNode(tau=1 / (1 - decay), decay_input=False)``, ``IFNode``; the readout is
    ``NonSpikingLIFNode``, whose input it multiplies by 1 - decay. On a CPU, these run
    loops of PyTorch as an operator of its own, which ``torch.compile`` does not look
    into; ``SimpleLIFNode`` and ``SimpleIFNode`` are the same in plain PyTorch, which it
    can compile. Surrogate: ``ATan``, which is that of snnTorch. As there, resets pass
    no gradients on (``detach_reset=True``): both calculate the same gradients.
Norse 1.1
    ``LIFBoxCell``, looped over time, whose input it multiplies by 1 - decay. Surrogate:
    its default, SuperSpike. Only one layer.

Sources: Lee, Sarwar, Panda, Srinivasan and Roy, "Enabling spike-based backpropagation
for training deep neural network architectures", Frontiers in Neuroscience 14 (2020);
open-neuromorphic.org/blog/spiking-neural-network-framework-benchmarking; and what the
libraries' own documentation says of their modules.
"""

import time
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from .workers import serve

torch._dynamo.config.recompile_limit = (
    64  # a module for each layer, on shapes of its own
)


class Neurons(NamedTuple):
    """A layer of neurons: what a voltage keeps in a step, and its threshold or None."""

    decay: float
    threshold: float | None


# -- the libraries: stages of operators, each followed by neurons ----------------------


class SnnTorch(nn.Module):
    """Stages and neurons of snnTorch.

    Parameters
    ----------
    stages : list of nn.Module
        What lies below each layer of neurons.
    neurons : list of Neurons
        The last may have no threshold: then the answer is its final voltage.
    order : {"steps", "layers"}
        Around what is looped first.
    compiled : {None, "neurons", "step", "scan", "all"}
        What `torch.compile` gets: the neurons (a step of a layer), a step of all
        layers, all steps of a layer's neurons, or everything.
    """

    def __init__(self, stages, neurons, order="steps", compiled=None):
        import snntorch

        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.neurons = nn.ModuleList(
            snntorch.Leaky(
                kind.decay,
                threshold=kind.threshold or 1.0,
                reset_mechanism="zero" if kind.threshold else "none",
            )
            for kind in neurons
        )
        self.reads_out = neurons[-1].threshold is None
        self.run = self._steps if order == "steps" else self._layers
        self.advance, self.scan = self._advance, [self._scan] * len(stages)
        self.fire = list(self.neurons)
        if compiled == "neurons":
            self.fire = [torch.compile(layer) for layer in self.neurons]
        elif compiled == "scan":
            self.scan = [torch.compile(self._scan) for _ in stages]
        elif compiled == "step":
            self.advance = torch.compile(self._advance)
        elif compiled == "all":
            self.run = torch.compile(self.run)

    def forward(self, inputs, rates=None):
        """Run all steps of inputs of shape (steps, images, ...)."""
        return self.run(inputs, rates)

    def _advance(self, current, voltages):
        new, fired = [], []
        for stage, neurons, voltage in zip(
            self.stages, self.fire, voltages, strict=True
        ):
            spikes, voltage = neurons(stage(current), voltage)
            current = spikes
            fired.append(spikes)
            new.append(voltage)
        return fired, new

    def _steps(self, inputs, rates):
        voltages = [neurons.reset_mem() for neurons in self.neurons]
        outputs = []
        for current in inputs:
            fired, voltages = self.advance(current, voltages)
            if rates is not None:
                rates.append([float(spikes.mean()) for spikes in fired])
            outputs.append(fired[-1])
        return voltages[-1] if self.reads_out else torch.stack(outputs)

    def _layers(self, inputs, rates):
        means = []
        for stage, neurons, scan in zip(self.stages, self.fire, self.scan, strict=True):
            currents = stage(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])
            inputs, voltage = scan(neurons, currents)
            if rates is not None:
                means.append(float(inputs.mean()))
        if rates is not None:
            rates.append(means)
        return voltage if self.reads_out else inputs

    @staticmethod
    def _scan(neurons, currents):
        voltage, outputs = torch.zeros_like(currents[0]), []
        for current in currents:
            spikes, voltage = neurons(current, voltage)
            outputs.append(spikes)
        return torch.stack(outputs), voltage


class SpikingJelly(nn.Module):
    """Stages and neurons of SpikingJelly, in multi-step mode.

    Parameters
    ----------
    stages, neurons
        See `SnnTorch`.
    simple : bool
        Neurons of plain PyTorch.
    compiled : {None, "neurons", "scan", "all"}
        What `torch.compile` gets: the neurons (a step of a layer), all steps of a
        layer's neurons, or everything.
    """

    def __init__(self, stages, neurons, simple=False, compiled=None):
        from spikingjelly.activation_based import functional, layer

        super().__init__()
        self.reset_net = functional.reset_net
        self.stages = nn.ModuleList(layer.SeqToANNContainer(s) for s in stages)
        self.neurons = nn.ModuleList(self._make(kind, simple) for kind in neurons)
        # of the readout, which multiplies its input by 1 - decay
        self.factor = None
        if neurons[-1].threshold is None:
            self.factor = 1 / (1 - neurons[-1].decay)
        self.fire = list(self.neurons)
        if compiled == "neurons":
            for layer in self.neurons:
                if hasattr(layer, "single_step_forward"):
                    layer.single_step_forward = torch.compile(layer.single_step_forward)
        elif compiled == "scan":
            self.fire = [torch.compile(layer) for layer in self.neurons]
        self.run = torch.compile(self._run) if compiled == "all" else self._run

    @staticmethod
    def _make(kind, simple):
        from spikingjelly.activation_based import neuron, surrogate

        if kind.threshold is None:
            layer = neuron.NonSpikingLIFNode(1 / (1 - kind.decay), decode="last_mem")
            layer.step_mode = "m"
            return layer
        # it fires where v >= threshold; sums of pooled spikes are often equal to theirs
        threshold = kind.threshold * (1 + 1e-6)
        settings = {"v_threshold": threshold, "v_reset": 0.0, "step_mode": "m"}
        settings |= {"surrogate_function": surrogate.ATan(), "detach_reset": True}
        if kind.decay == 1:
            return (neuron.SimpleIFNode if simple else neuron.IFNode)(**settings)
        settings |= {"tau": 1 / (1 - kind.decay), "decay_input": False}
        return (neuron.SimpleLIFNode if simple else neuron.LIFNode)(**settings)

    def forward(self, inputs, rates=None):
        """Run all steps of inputs of shape (steps, images, ...)."""
        self.reset_net(self)
        return self.run(inputs, rates)

    def _run(self, inputs, rates):
        means = []
        for stage, neurons in zip(self.stages, self.fire, strict=True):
            inputs = neurons(stage(inputs))
            if rates is not None:
                means.append(float(inputs.mean()))
        if rates is not None:
            rates.append(means)
        return inputs if self.factor is None else self.factor * inputs


class Norse(nn.Module):
    """A stage and a layer of neurons of Norse.

    Parameters
    ----------
    stages, neurons, order, compiled
        See `SnnTorch`; one stage, and None, "neurons" or "step".
    """

    DT = 0.001

    def __init__(self, stages, neurons, order="steps", compiled=None):
        from norse import torch as norse
        from norse.torch.functional.lif_box import LIFBoxParameters

        super().__init__()
        (stage,), (kind,) = stages, neurons
        share = 1 - kind.decay
        parameters = LIFBoxParameters(
            tau_mem_inv=torch.tensor(share / self.DT), v_th=torch.tensor(kind.threshold)
        )
        self.stage, self.cell = stage, norse.LIFBoxCell(parameters, dt=self.DT)
        with torch.no_grad():  # its input is multiplied by 1 - decay
            stage.weight /= share
            stage.bias /= share
        self.by_layer = order == "layers"
        self.fire = torch.compile(self.cell) if compiled == "neurons" else self.cell
        self.advance = self._advance
        if compiled == "step":
            self.advance = torch.compile(self._advance)

    def forward(self, inputs):
        """Run all steps of inputs of shape (steps, images, values)."""
        step, state, outputs = self.advance, None, []
        if self.by_layer:
            inputs, step = self.stage(inputs), self.fire
        for current in inputs:
            spikes, state = step(current, state)
            outputs.append(spikes)
        return torch.stack(outputs)

    def _advance(self, current, state):
        return self.fire(self.stage(current), state)


LIBRARIES = {"snntorch": SnnTorch, "spikingjelly": SpikingJelly, "norse": Norse}


# -- the tasks -------------------------------------------------------------------------


class LeNet:
    """One training step of the LeNet of Lee et al.

    Parameters
    ----------
    name : str
        One of `LIBRARIES`.
    threads : int
        Threads of PyTorch.
    path : str
        File with images, labels and initial weights (`spiking_training.write`).
    steps : int
        Steps of time.
    neurons : list
        Decay and threshold of each layer of neurons.
    rate, decay : float
        Learning rate, and weight decay.
    **setting
        How the library is used, see its class.
    """

    def __init__(self, name, threads, path, steps, neurons, rate, decay, **setting):
        start(threads)
        self.steps = steps
        with np.load(path) as arrays:
            images, labels = arrays["images"], arrays["labels"]
            weights = [arrays[f"weights{i}"] for i in range(4)]
        self.images = torch.from_numpy(images[:, None])  # channels second
        self.targets = nn.functional.one_hot(torch.from_numpy(labels), 10).float()
        self.layers = layers(weights)
        conv1, conv2, dense, readout = self.layers
        stages = [conv1, nn.AvgPool2d(2), conv2, nn.AvgPool2d(2)]
        stages += [nn.Sequential(nn.Flatten(), dense), readout]
        kinds = [Neurons(float(decay), threshold) for decay, threshold in neurons]
        self.net = LIBRARIES[name](stages, kinds, **setting)
        self.initial = [layer.weight.detach().clone() for layer in self.layers]
        parameters = [layer.weight for layer in self.layers]
        self.optimizer = torch.optim.SGD(parameters, rate, weight_decay=decay)
        self.details = None
        self.about = {"images": len(images), "settings": describe(name)}
        self.about |= measure_rates(self.net, self.encode())

    def encode(self):
        """Spikes of the images, of shape (steps, images, 1, height, width)."""
        drawn = torch.rand(self.steps, *self.images.shape)
        return torch.sign(self.images) * (drawn < self.images.abs() / 2)

    def reset(self):
        """Take the initial weights once more."""
        with torch.no_grad():
            for layer, initial in zip(self.layers, self.initial, strict=True):
                layer.weight.copy_(initial)

    def run(self):
        """Train on the batch once."""
        voltage = self.net(self.encode())
        loss = ((voltage / self.steps - self.targets) ** 2).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.details = {"loss": loss.item()}


def layers(weights):
    """Layers of PyTorch with weights that are stored with channels last."""
    conv1, conv2, dense, readout = (torch.from_numpy(w) for w in weights)
    rows = dense.shape[0] // conv2.shape[3]
    side = round(rows**0.5)
    dense = dense.view(side, side, conv2.shape[3], -1).permute(2, 0, 1, 3).flatten(0, 2)
    made = []
    for values in (conv1, conv2):
        _, size, n_in, n_out = values.shape
        conv = nn.Conv2d(n_in, n_out, size, padding=size // 2, bias=False)
        conv.weight.data = values.permute(3, 2, 0, 1).contiguous()
        made.append(conv)
    for values in (dense, readout):
        linear = nn.Linear(*values.shape, bias=False)
        linear.weight.data = values.T.contiguous()
        made.append(linear)
    return made


class OneLayer:
    """Forward and backward pass of one layer, as Open Neuromorphic times them.

    Parameters
    ----------
    name, threads
        See `LeNet`.
    n, batch, steps : int
        Neurons, examples, and steps of time.
    decay : float
        Share of its voltage that a neuron keeps in a step; its threshold is 1.
    warm_steps : int
        Steps of the first run, which is not measured.
    **setting
        How the library is used, see its class.
    """

    def __init__(self, name, threads, n, batch, steps, decay, warm_steps, **setting):
        start(threads)
        linear = nn.Linear(n, n)
        self.net = LIBRARIES[name]([linear], [Neurons(decay, 1.0)], **setting)
        self.inputs = torch.randn(steps, batch, n)
        self.parameters = list(linear.parameters())
        self.warm_steps = warm_steps
        self.about = {"images": batch, "settings": describe(name)}
        self.details = None

    def reset(self):
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def run(self):
        """Run forward and backward, and note how long each took."""
        inputs = self.inputs
        if self.warm_steps:
            inputs, self.warm_steps = inputs[: self.warm_steps], None
        begin = time.perf_counter()
        spikes = self.net(inputs)
        between = time.perf_counter()
        spikes.sum().backward()
        end = time.perf_counter()
        self.details = {"forward": between - begin, "backward": end - between}
        self.details["rates"] = [float(spikes.detach().mean())]


def start(threads):
    """Set what PyTorch has only one of."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)


def describe(name):
    """Versions of a library and of PyTorch."""
    return f"{name} {version(name)}, PyTorch {torch.__version__}"


def measure_rates(net, inputs):
    """Share of neurons that fire in a step, for each layer below the readout."""
    rates = []
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        net(inputs, rates)
    return {"rates": np.mean(rates, axis=0).tolist()[:-1]}


TASKS = {"lenet": LeNet, "onm": OneLayer}


def make(task, **arguments):
    """Make a system for one of the tasks."""
    return TASKS[task](**arguments)


if __name__ == "__main__":
    serve(make)
