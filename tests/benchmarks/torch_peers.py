"""snnTorch, Norse and SpikingJelly on the same layers, in an environment of their own.

They get their plain leaky integrate-and-fire neurons: no synapse, no refractory time,
forward Euler, reset to zero. With the same weights all three fire the same spikes. A
spike counts amplitude / dt, so that the mean input to each layer is that of Nengo's.

For their best speed: the current that the constant images cause in the first layer is
computed once, images lie in memory with the channels last, no gradients are recorded,
surrogate gradients are left out where they can be, and `torch.compile` fuses what a
step does with each neuron. Nothing of Nengo is imported here.
"""

import json
import math
from importlib.metadata import version

import numpy as np
import torch
from torch import nn

from .workers import serve

DT = 0.001
ROWS = 256  # images x steps of a chunk of SpikingJelly's multi-step mode


class Local(nn.Module):
    """A locally connected layer: one product of matrices for each position."""

    def __init__(self, layer, weights, bias):
        super().__init__()
        (top, bottom), (left, right) = layer["pads"]
        self.pad = (0, 0, left, right, top, bottom)
        self.size, self.strides = layer["size"], layer["strides"]
        self.shape = layer["shape_out"]
        self.weights, self.bias = nn.Parameter(weights), nn.Parameter(bias)

    def forward(self, images):
        """Apply to images with channels second, as PyTorch has them."""
        n, (rows, columns, _) = len(images), self.shape
        padded = nn.functional.pad(images.permute(0, 2, 3, 1), self.pad)
        windows = padded.unfold(1, self.size[0], self.strides[0])
        windows = windows.unfold(2, self.size[1], self.strides[1])
        windows = windows.permute(1, 2, 0, 4, 5, 3).reshape(rows * columns, n, -1)
        out = torch.bmm(windows, self.weights)
        out = out.transpose(0, 1).reshape(n, -1) + self.bias
        return out.view(n, *self.shape).permute(0, 3, 1, 2)


class Flatten(nn.Module):
    """Flatten images, with the channels last."""

    def forward(self, images):
        """Apply to images with channels second."""
        return images.permute(0, 2, 3, 1).flatten(1)


def read(path, batch, share):
    """Read the layers that `networks.write` wrote.

    Parameters
    ----------
    path : str
        The file.
    batch : int
        Number of images.
    share : callable
        From a membrane's time constant to the factor of its input current.

    Returns
    -------
    images : (batch, channels, height, width) Tensor
        Images, or flat ones.
    stages : list of nn.Sequential
        What lies below each layer of neurons, and last what lies above all of them.
    taus : list of float
        Time constants of the neurons.
    """
    with np.load(path) as arrays:
        description = json.loads(str(arrays["description"]))
        for i, layer in enumerate(description):
            for name in ("weights", "bias"):
                if f"{i}/{name}" in arrays:
                    layer[name] = torch.from_numpy(arrays[f"{i}/{name}"])
        images = torch.from_numpy(arrays["images"][:batch])
    taus = [layer["tau_rc"] for layer in description if layer["kind"] == "neurons"]
    factors = [share(tau) for tau in taus] + [1.0]

    stages, modules, spike = [], [], 1.0
    image = "shape_in" in description[0]
    for layer in description:
        if layer["kind"] == "neurons":
            stages.append(nn.Sequential(*modules))
            modules, spike = [], layer["amplitude"] / DT
            continue
        if layer["kind"] == "dense" and image:
            modules.append(Flatten())
            image = False
        factor = factors[len(stages)]
        if "weights" in layer:
            weights, bias = layer["weights"] * (spike * factor), layer["bias"] * factor
            modules.append(_linear(layer, weights, bias))
            spike = 1.0
        else:
            pool = nn.AvgPool2d(
                layer["size"],
                layer["strides"],
                ceil_mode=layer["ceil"],
                count_include_pad=False,
            )
            modules.append(pool)
    stages.append(nn.Sequential(*modules))
    for stage in stages:
        stage.requires_grad_(False).to(memory_format=torch.channels_last)

    if "shape_in" in description[0]:
        images = images.view(-1, *description[0]["shape_in"]).permute(0, 3, 1, 2)
    return images, stages, taus


def _linear(layer, weights, bias):
    if layer["kind"] == "local":
        return Local(layer, weights, bias)
    if layer["kind"] == "dense":
        module = nn.Linear(*reversed(weights.shape))
        module.weight.data = weights
    else:
        (top, bottom), (left, right) = layer["pads"]
        if (top, left) != (bottom, right):
            raise ValueError("unequal padding of a convolution is not supported")
        height, width, n_in, n_out = weights.shape
        module = nn.Conv2d(
            n_in, n_out, (height, width), layer["strides"], padding=(top, left)
        )
        module.weight.data = weights.permute(3, 2, 0, 1).contiguous()
    module.bias.data = bias
    return module


# -- the peers: a step takes current and state, and gives the answer and a new state ---


class SnnTorch:
    """Leaky neurons of snnTorch, which takes one step at a time."""

    @staticmethod
    def share(tau):
        """Its input is not multiplied by dt / tau."""
        return DT / tau

    def __init__(self, stages, taus):
        import snntorch

        self.stages = stages
        self.neurons = [
            snntorch.Leaky(1 - DT / tau, reset_mechanism="zero", surrogate_disable=True)
            for tau in taus
        ]

    def start(self):
        """Return the initial state."""
        return [neurons.reset_mem() for neurons in self.neurons]

    def step(self, current, state):
        """Advance all layers by one step."""
        new = []
        for neurons, membrane, stage in zip(
            self.neurons, state, self.stages, strict=True
        ):
            spikes, membrane = neurons(current, membrane)
            new.append(membrane)
            current = stage(spikes)
        return current, new


class Norse:
    """LIF neurons of Norse without a synapse; `SequentialState` keeps the state."""

    share = staticmethod(lambda tau: 1.0)

    def __init__(self, stages, taus):
        from norse import torch as norse
        from norse.torch.functional.lif_box import LIFBoxParameters

        modules = []
        for tau, stage in zip(taus, stages, strict=True):
            parameters = LIFBoxParameters(tau_mem_inv=torch.tensor(1 / tau))
            modules += [norse.LIFBoxCell(parameters, dt=DT), *stage]
        self.step = norse.SequentialState(*modules)

    def start(self):
        """Return no state: the first step makes one."""
        return None


class SpikingJelly:
    """LIF neurons of SpikingJelly, in single-step or in multi-step mode."""

    share = staticmethod(lambda tau: 1.0)

    def __init__(self, stages, taus, mode="s"):
        from spikingjelly.activation_based import functional, layer, neuron

        self.functional = functional
        modules = []
        for tau, stage in zip(taus, stages, strict=True):
            neurons = neuron.LIFNode(
                tau / DT,
                # any callable is allowed; the built-in ones keep what gradients need
                surrogate_function=_heaviside,
                step_mode=mode,
            )
            above = stage if mode == "s" else layer.SeqToANNContainer(*stage)
            modules += [neurons, above]
        self.net = nn.Sequential(*modules)

    def start(self):
        """Return no state: the neurons keep it."""
        self.functional.reset_net(self.net)

    def step(self, current, _):
        """Advance all layers by one step, or by several in multi-step mode."""
        return self.net(current), None


def _heaviside(x):
    return (x >= 0).to(x)


PEERS = {"snntorch": SnnTorch, "norse": Norse, "spikingjelly": SpikingJelly}


class Run:
    """A peer with its images, ready to run.

    Parameters
    ----------
    name : str
        One of `PEERS`.
    threads : int
        Threads of PyTorch.
    path : str
        Layers and images.
    batch, steps : int
        Number of images, and of steps.
    setting : {"eager", "compiled", "layer by layer"}
        How to run it. Layer by layer, which is SpikingJelly's multi-step mode, each
        layer takes a chunk of steps at once.
    """

    def __init__(self, name, threads, path, batch, steps, setting):
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        peer = PEERS[name]
        self.steps, self.chunk = steps, None
        self.images, (self.first, *stages), taus = read(path, batch, peer.share)
        if setting == "layer by layer":
            self.peer = peer(stages, taus, mode="m")
            self.chunk = min(steps, math.ceil(ROWS / batch))
        else:
            self.peer = peer(stages, taus)
        self.step = self.peer.step
        if setting == "compiled":
            self.step = torch.compile(self.step)
        settings = [f"{name} {version(name)}", f"PyTorch {torch.__version__}", setting]
        if self.chunk:
            settings.append(f"{self.chunk} steps at once")
        self.about = {"settings": ", ".join(settings), "images": batch}

    def reset(self):
        """Nothing to do: each run starts anew."""

    def run(self):
        """Simulate all steps."""
        current, state = self.first(self.images), self.peer.start()
        outputs = []
        if self.chunk:
            for start in range(0, self.steps, self.chunk):
                n = min(self.chunk, self.steps - start)
                output, state = self.step(current.expand(n, *current.shape), state)
                outputs += output
        else:
            for _ in range(self.steps):
                output, state = self.step(current, state)
                outputs.append(output)
        return torch.stack(outputs, dim=1)


if __name__ == "__main__":
    serve(Run)
