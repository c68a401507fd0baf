"""Feed-forward networks of soft LIF neurons in PyTorch, read from Nengo networks.

The mathematics of `training.LayeredNetwork`, written a second time: an independent
reference for its gradients, and a way to train where TensorFlow finds no GPU.
"""

from types import SimpleNamespace

from nengo_softlif.layers import FeedForward, operators, parameters

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .torch_parts import KINDS, Response, initial, restored, scaled

EPSILON = 1e-3
"""Beside the variance in batch normalisation, as `fit` has it."""


class TorchNetwork(nn.Module):
    """A feed-forward network of a model, one step long.

    Parameters
    ----------
    model : Model
        Its layers have soft LIF neurons, and biases through weights from constants.
    batch_norm : bool
        Normalise what comes into neurons through weights.
    compiled : bool
        Compile what is done for each neuron.
    """

    def __init__(self, model, batch_norm=False, compiled=False):
        super().__init__()
        self.read = FeedForward(model.network, model.input, model.output)
        self._model = model
        self._ops, self._numbers, self._shares = {}, {}, {}
        for i, connection in enumerate(model.network.all_connections):
            self._numbers[connection] = str(i)
        self.weights, self.scales, self.shifts = (nn.ParameterDict() for _ in range(3))
        self.responses = nn.ModuleList()
        self.layers = [x for x in self.read.layers if x not in self.read.constant]
        self.normed = []
        for layer in self.layers:
            if layer.neuron_type is not None:
                self.responses.append(Response(layer, compiled))
            self._add_weights(layer)
            if batch_norm and layer.neuron_type is not None:
                self._add_norm(layer)

    def _add_weights(self, layer):
        trainable = parameters.trainable(self._model.network)
        if layer.neuron_type is not None and trainable[layer.obj]:
            raise NotImplementedError(f"{layer.obj.ensemble} has biases that train")
        for _, path in self.read.paths.get(layer, ()):
            for op in path:
                if isinstance(op, operators.Pool) and op not in self._shares:
                    # zeros around the image count in PyTorch's averages
                    share = torch.tensor(op.share * op.divisor, dtype=torch.float32)
                    self._shares[op] = f"share_{len(self._shares)}"
                    self.register_buffer(self._shares[op], share[..., None])
                if op.connection is None:
                    continue
                if op.connection in self._ops:
                    raise NotImplementedError(f"{op.connection} leads to several")
                self._ops[op.connection] = op
                array = initial(op, self._built(op.connection))
                value = torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)
                if isinstance(op, operators.Convolution):
                    value = value.contiguous(memory_format=torch.channels_last)
                self.weights[self._numbers[op.connection]] = nn.Parameter(value)

    def _add_norm(self, layer):
        last = [path[-1] for _, path in self._varied(layer)]
        n_features = last[0].output_shape[-1] if last[0].output_shape else layer.size
        key = str(self.layers.index(layer))
        self.normed.append(layer)
        self.scales[key] = nn.Parameter(torch.ones(n_features))
        self.shifts[key] = nn.Parameter(torch.zeros(n_features))
        self.register_buffer(f"mean_{key}", torch.zeros(n_features))
        self.register_buffer(f"variance_{key}", torch.ones(n_features))

    def _built(self, connection):
        weights = self.read.built.params[connection].weights
        return weights.data if hasattr(weights, "tocoo") else weights

    def _varied(self, layer):
        """What leads through weights to a layer, but from constants."""
        return [
            (source, path)
            for source, path in self.read.paths[layer]
            if source not in self.read.constant
            and any(op.connection is not None for op in path)
        ]

    @property
    def decaying(self):
        """Weights, which decay, without what are biases."""
        biases = {id(v) for v in self.biases}
        return [v for v in self.parameters() if id(v) not in biases]

    @property
    def biases(self):
        """Weights from constants, and the parameters of batch normalisation."""
        of_constants = [
            self.weights[self._numbers[path[0].connection]]
            for layer in self.layers
            for source, path in self.read.paths.get(layer, ())
            if source in self.read.constant
        ]
        return [*of_constants, *self.scales.values(), *self.shifts.values()]

    def forward(self, images, noisy=False, batch=False, measure=None):
        """Class values of images, and the mean rate of each layer in Hz.

        With noise, and normalised by the batch, if so told. Mean and variance of what
        comes into layers move by a part of ``measure``, if that is given.
        """
        values, means, responses = {}, [], iter(self.responses)
        for layer in self.layers:
            if layer is self.read.image:
                values[layer] = images
                continue
            total = self._sum(layer, values, batch, measure)
            if layer.neuron_type is not None:
                total, mean = next(responses)(total, noisy)
                means.append(mean)
            values[layer] = total
        return values[self.read.answer].reshape(len(images), -1), torch.stack(means)

    def _follow(self, path, x):
        for op in path:
            weights = None
            if op in self._shares:
                weights = getattr(self, self._shares[op])
            elif op.connection is not None:
                weights = self.weights[self._numbers[op.connection]]
            x = KINDS[type(op)](op, x, weights)
        return x

    def _bias(self, source, path, shape):
        """A number for each filter, or each neuron, from a constant."""
        (op,) = path
        constant, weights = source.constant, self.weights[self._numbers[op.connection]]
        if np.ptp(constant) or np.prod(weights.shape[1:]) > 1:
            raise NotImplementedError(f"{op.connection} is no bias")
        bias = float(constant[0]) * weights.reshape(-1)
        return bias if len(bias) == shape[-1] else bias.reshape(shape[1:])

    def _sum(self, layer, values, batch, measure):
        """What comes into a layer."""
        varied = self._varied(layer)
        total = self._add([self._follow(path, values[s]) for s, path in varied])
        biases = [
            self._bias(source, path, total.shape)
            for source, path in self.read.paths[layer]
            if source in self.read.constant
        ]
        if layer in self.normed:
            fused = [b for b in biases if b.ndim == 1]
            biases = [b for b in biases if b.ndim > 1]
            total = self._normalise(layer, total, sum(fused), batch, measure)
        for bias in biases:
            total = total + bias
        for source, path in self.read.paths[layer]:
            if source in self.read.constant or (source, path) in varied:
                continue
            total = total + self._follow(path, values[source]).reshape(total.shape)
        return total

    def _add(self, parts):
        total = parts[0]
        for part in parts[1:]:
            total = total + part.reshape(total.shape)
        return total

    def _normalise(self, layer, x, bias, batch, measure):
        key = str(self.layers.index(layer))
        mean, variance = (getattr(self, f"{n}_{key}") for n in ("mean", "variance"))
        last = x.ndim - 1
        first = x.permute(0, last, *range(1, last))
        if measure is not None:
            seen = first.detach().float()
            axes = [i for i in range(x.ndim) if i != 1]
            of_batch = torch.var_mean(seen, axes, correction=0)
            variance.lerp_(of_batch[0], measure)
            mean.lerp_(of_batch[1], measure)
        kept = (None, None) if batch else (mean, variance)
        shift = self.shifts[key] + bias
        out = F.batch_norm(first, *kept, self.scales[key], shift, batch, eps=EPSILON)
        return out.permute(0, *range(2, x.ndim), 1)

    def gradient(self, connection):
        """Gradient by the weights of a connection, in the form that Nengo has."""
        found = self.weights[self._numbers[connection]].grad.numpy()
        return restored(self._ops[connection], self._built(connection), found)

    def arrays(self):
        """Parameters of the network as `layers.parameters` names them.

        Batch normalisation is folded into them.
        """
        held = {k: v.detach().cpu().double().numpy() for k, v in self.weights.items()}
        for layer in self.normed:
            factor, offset = self._folded(layer)
            for _, path in self._varied(layer):
                number = self._numbers[path[-1].connection]
                held[number] = scaled(path[-1], held[number], factor)
            source, path = next(
                (source, path)
                for source, path in self.read.paths[layer]
                if source in self.read.constant
            )
            number = self._numbers[path[0].connection]
            times = held[number].size // offset.size
            more = np.tile(offset, times).reshape(held[number].shape)
            held[number] = held[number] + more / source.constant[0]
        data = dict(self.read.built.params)
        for connection, op in self._ops.items():
            array = held[self._numbers[connection]]
            weights = restored(op, self._built(connection), array)
            data[connection] = SimpleNamespace(weights=weights)
        return parameters.collect(self._model.network, data)

    def _folded(self, layer):
        key = str(self.layers.index(layer))
        scale, shift, mean, variance = (
            v.detach().cpu().double().numpy()
            for v in (
                self.scales[key],
                self.shifts[key],
                getattr(self, f"mean_{key}"),
                getattr(self, f"variance_{key}"),
            )
        )
        factor = scale / np.sqrt(variance + EPSILON)
        return factor, shift - mean * factor
