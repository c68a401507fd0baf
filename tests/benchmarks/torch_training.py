"""Train a network of soft LIF neurons in PyTorch, where TensorFlow finds no GPU.

    python -m tests.benchmarks.torch_training NETWORK --data D --epochs 100 --out MODEL

The way of `nengo-softlif train` with batch normalisation, label smoothing, mixup,
averaging and rates: the same loss, optimizer, schedule, preparation of images and split
for validation, but other random numbers, and products in the 19 bits of TF32. NETWORK
is a file of `Model.save`, and so is what is written, with batch normalisation folded
in. With ``--seconds`` it trains as many epochs as fit into that time.
"""

import argparse
import json
import math
import time
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif.layers import parameters
from nengo_softlif.preprocessing import Preprocessing
from nengo_softlif.tasks import Task

import numpy as np
import torch
from torch.nn import functional as F

from .torch_layers import TorchNetwork

N_SETTLING = 100


def main():
    options = read_arguments()
    with np.load(options.data) as arrays:
        x, y = arrays["x_train"], arrays["y_train"].astype(np.int64).ravel()
    model = softlif.load(options.network)
    torch.manual_seed(options.seed)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    training = Training(model, x, y, options)
    history = training.run()
    model.history, model.training = history, training.describe()
    parameters.install(model.network, training.network.arrays())
    model.save(options.out, dtype="float32")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path, help="file of an untrained model")
    parser.add_argument("--data", type=Path, required=True, help="Keras' .npz file")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    long = parser.add_mutually_exclusive_group(required=True)
    long.add_argument("--epochs", type=int, help="passes over the images")
    long.add_argument("--seconds", type=float, help="as many as fit into this time")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    parser.add_argument("--averaging", type=float, default=2.0, help="in epochs")
    parser.add_argument("--mixup", type=float, default=0.0)
    parser.add_argument("--rates", type=float, help="highest mean of layers, in Hz")
    parser.add_argument("--validation-split", type=float, default=0.0)
    parser.add_argument("--shift", type=int, help="of images, in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--eager", action="store_true", help="compile nothing")
    return parser.parse_args()


class Images:
    """Images on the device, and how they are varied."""

    def __init__(self, x, y, preprocessing, device):
        self.p = preprocessing
        mean, scale = (
            np.broadcast_to(v, preprocessing.image_shape)
            for v in (preprocessing.mean, np.float32(preprocessing.scale))
        )
        x = x.reshape(len(x), *preprocessing.image_shape)
        mean, scale = (torch.tensor(v.copy(), device=device) for v in (mean, scale))
        self.x = (torch.tensor(x, device=device).float() - mean) / scale
        self.y = torch.tensor(y, device=device)
        pad = [preprocessing.shift] * 2
        self.padded = F.pad(self.x, (0, 0, *pad, *pad))
        self.device = device

    def vary(self, index):
        """Images by their index, each moved, mirrored and cut at random."""
        n, (height, width, _) = len(index), self.p.output_shape
        rooms = self.padded.shape[1] - height + 1, self.padded.shape[2] - width + 1
        top, left = (torch.randint(r, (n, 1), device=self.device) for r in rooms)
        row, column = (torch.arange(k, device=self.device) for k in (height, width))
        columns = (left + column).expand(n, width)
        if self.p.flip:
            mirrored = torch.rand((n, 1), device=self.device) < 0.5
            columns = torch.where(mirrored, columns.flip(1), columns)
        rows = (top + row)[:, :, None]
        x = self.padded[index[:, None, None], rows, columns[:, None]]
        if self.p.cutout:
            cut = self._square(n, height, row)[:, :, None]
            cut = cut & self._square(n, width, column)[:, None]
            x = x.masked_fill(cut[..., None], 0.0)
        return x.flatten(1)

    def _square(self, n, length, place):
        first = torch.randint(length, (n, 1), device=self.device) - self.p.cutout // 2
        return (place >= first) & (place < first + self.p.cutout)

    def middle(self, index):
        """Images as they are tested."""
        height, width, _ = self.p.output_shape
        top, left = (
            (a - b) // 2
            for a, b in zip(self.p.image_shape[:2], (height, width), strict=True)
        )
        part = self.x[index, top : top + height, left : left + width]
        return part.flatten(1)


class Training:
    """A training of one model; see `main` for the options."""

    def __init__(self, model, x, y, options):
        self.options, self.began = options, time.perf_counter()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        n = len(x)
        order = np.random.default_rng(options.seed).permutation(n)
        n_validation = round(options.validation_split * n)
        shown = np.sort(order[n_validation:])
        if model.preprocessing is None:
            model.preprocessing = Preprocessing.from_images(
                x[shown],
                scale=model.scale,
                crop=model.crop,
                flip=model.flip,
                shift=model.shift if options.shift is None else options.shift,
            )
        model.task = Task.of("classification", y)
        self.images = Images(x, y, model.preprocessing, self.device)
        self.shown, self.kept = (
            torch.tensor(i, device=self.device)
            for i in (shown, np.sort(order[:n_validation]))
        )
        compiled = not options.eager and self.device == "cuda"
        self.network = TorchNetwork(model, True, compiled).to(self.device)
        # in the same memory, but no part of gradients
        self.trained = [v.detach() for v in self.network.parameters()]
        self.rate = torch.zeros((), device=self.device)
        groups = [
            {"params": self.network.decaying, "weight_decay": options.weight_decay},
            {"params": self.network.biases, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=self.rate, eps=1e-7, fused=compiled, capturable=compiled
        )
        self.validated = {}
        self.n_batches = len(shown) // options.batch_size
        self.averages = [v.clone() for v in self.trained]
        self.decay = math.exp(-1 / (options.averaging * self.n_batches))
        self.index = torch.zeros(options.batch_size, dtype=torch.long).to(self.device)
        self.part = torch.ones((), device=self.device)
        self.sums = torch.zeros(2, device=self.device)
        self.draws = np.random.default_rng(options.seed)
        self.run_step = self._step
        if compiled:
            self.run_step = self._recorded()

    def describe(self):
        """What decided it, as JSON holds it."""
        options = vars(self.options)
        kept = ["seed", "batch_size", "learning_rate", "weight_decay", "averaging"]
        kept += ["label_smoothing", "mixup", "rates", "validation_split"]
        return {
            "trainer": f"tests.benchmarks.torch_training, PyTorch {torch.__version__}",
            "epochs": self.n_epochs,
            **self.validated,
            "batch_norm": True,
            **{name: options[name] for name in kept if options[name] is not None},
        }

    def _mixed(self):
        """A batch of varied images, their classes and those of what is mixed in."""
        x, y = self.images.vary(self.index), self.images.y[self.index]
        if not self.options.mixup:
            return x, y, y
        others = torch.rand(len(x), device=self.device).argsort()
        return self.part * x + (1 - self.part) * x[others], y, y[others]

    def _step(self):
        x, first, second = self._mixed()
        answers, means = self.network(x, noisy=True, batch=True)
        smoothing = self.options.label_smoothing
        losses = (
            F.cross_entropy(answers, y, label_smoothing=smoothing)
            for y in (first, second)
        )
        loss = self.part * next(losses) + (1 - self.part) * next(losses)
        if self.options.rates:
            loss = loss + (F.relu(means / self.options.rates - 1) ** 2).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        torch._foreach_lerp_(self.averages, self.trained, 1 - self.decay)
        wrong = (answers.detach().argmax(1) != first).float().mean()
        self.sums += torch.stack([loss.detach(), wrong])

    def _recorded(self):
        """The step as a graph of the device's own, which is launched at once."""
        held = [v.clone() for v in self.trained]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self._step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        torch._foreach_copy_(self.trained, held)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()
        return graph.replay

    def run(self):
        """Train; return the history. The network has the averages then."""
        options, done, epoch, history = self.options, 0.0, 0, {}
        deadline = self.began + (options.seconds or math.inf)
        took = None
        while done < 1 - 1e-9:
            start = time.perf_counter()
            left = self._epochs_left(epoch, took, deadline)
            growth = (1 - done) / (left * self.n_batches)
            self.sums.zero_()
            self._epoch(done, growth)
            if epoch == 0:
                torch._foreach_copy_(self.averages, self.trained)
            done, epoch = done + growth * self.n_batches, epoch + 1
            loss, wrong = (self.sums / self.n_batches).tolist()
            took = time.perf_counter() - start
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss became {loss} in epoch {epoch}")
            row = {"loss": loss, "error_percent": 100 * wrong}
            for name, value in row.items():
                history.setdefault(name, []).append(value)
            if len(self.kept) and (left == 1 or epoch % 10 == 0):
                self.validated = self._validate()
                row.update(self.validated)
            print(epoch, f"{took:.2f} s, {left - 1} left", json.dumps(row), flush=True)
        self.n_epochs = epoch
        self._install()
        return history

    def _epochs_left(self, epoch, took, deadline):
        if self.options.epochs:
            return self.options.epochs - epoch
        if epoch < 2:
            return 50
        return max(1, round((deadline - time.perf_counter()) / took))

    def _epoch(self, done, growth):
        order = self.shown[torch.randperm(len(self.shown), device=self.device)]
        size, mixup = self.options.batch_size, self.options.mixup
        for i in range(self.n_batches):
            self.rate.fill_(self.options.learning_rate * one_cycle(done + i * growth))
            if mixup:
                part = self.draws.beta(mixup, mixup)
                self.part.fill_(max(part, 1 - part))
            self.index.copy_(order[i * size : (i + 1) * size])
            self.run_step()

    def _install(self):
        """Put the averages in the place of the weights, and measure layers anew."""
        with torch.no_grad():
            torch._foreach_copy_(self.trained, self.averages)
            for i in range(N_SETTLING):
                picked = torch.randint(
                    len(self.shown), self.index.shape, device=self.device
                )
                self.index.copy_(self.shown[picked])
                self.network(self.images.vary(self.index), True, True, 1 / (i + 1))

    @torch.no_grad()
    def _validate(self):
        held = [v.clone() for v in self.trained]
        self._install()
        answers = [
            self.network(self.images.middle(part))[0] for part in self.kept.split(500)
        ]
        answers, y = torch.cat(answers), self.images.y[self.kept]
        torch._foreach_copy_(self.trained, held)
        wrong = (answers.argmax(1) != y).float().mean().item()
        return {
            "validation_loss": F.cross_entropy(answers, y).item(),
            "validation_error_percent": 100 * wrong,
        }


def one_cycle(done):
    """Part of the highest learning rate: see `training.OneCycle`."""
    if done < 0.3:
        return _cosine(1 / 25, 1, done / 0.3)
    return _cosine(1, 1e-4, (done - 0.3) / 0.7)


def _cosine(start, end, done):
    return end + (start - end) * (1 + math.cos(math.pi * min(done, 1))) / 2


if __name__ == "__main__":
    main()
