"""Losses of what a network puts out over time, with their gradients."""

from abc import ABC, abstractmethod

import numpy as np


class Loss(ABC):
    """A loss of outputs over time: what an answer is, and what is wrong with it."""

    @abstractmethod
    def answers(self, outputs):
        """Find the class values by which examples are judged.

        Parameters
        ----------
        outputs : (n_examples, n_steps, n_classes) ndarray
            What the network put out.

        Returns
        -------
        (n_examples, n_classes) ndarray
        """

    @abstractmethod
    def values(self, answers, labels):
        """Compute the loss of each example, and its gradient by the answers.

        Parameters
        ----------
        answers : (n_examples, n_classes) ndarray
            From `answers`.
        labels : (n_examples,) ndarray of int
            Classes.

        Returns
        -------
        losses : (n_examples,) ndarray
        gradient : (n_examples, n_classes) ndarray
        """

    @abstractmethod
    def by_outputs(self, gradient, n_steps):
        """Turn the gradient by the answers into that by the outputs of all steps.

        Parameters
        ----------
        gradient : (n_examples, n_classes) ndarray
            From `values`.
        n_steps : int
            How many.

        Returns
        -------
        (n_examples, n_steps, n_classes) ndarray
        """


class CrossEntropy(Loss):
    """Cross-entropy of the softmax over what `.evaluate` decides by.

    That is the mean of the output over the second half of the presentation.
    """

    def answers(self, outputs):
        """See `Loss`."""
        return outputs[:, _second_half(outputs.shape[1])].mean(axis=1)

    def values(self, answers, labels):
        """See `Loss`."""
        largest = answers.max(axis=1, keepdims=True)
        e = np.exp(answers - largest)
        total = e.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        losses = (np.log(total) + largest)[:, 0] - answers[rows, labels]
        gradient = e / total
        gradient[rows, labels] -= 1
        return losses, gradient

    def by_outputs(self, gradient, n_steps):
        """See `Loss`."""
        half = _second_half(n_steps)
        out = np.zeros((len(gradient), n_steps, gradient.shape[1]), gradient.dtype)
        out[:, half] = (gradient / (n_steps - half.start))[:, np.newaxis]
        return out


class Membrane(Loss):
    """Squared error of the last output, divided by the number of steps [1]_.

    For a readout that integrates: the output is its voltage. One is wanted of the right
    class, zero of all others; the squares are summed over classes.

    References
    ----------
    .. [1] C. Lee, S. S. Sarwar, P. Panda, G. Srinivasan and K. Roy, "Enabling
       Spike-Based Backpropagation for Training Deep Neural Network Architectures",
       Frontiers in Neuroscience 14:119, 2020, arXiv:1903.06379; without the factor 1/2,
       as in the authors' code, which sums over the batch where this is averaged.
    """

    def answers(self, outputs):
        """See `Loss`."""
        return outputs[:, -1] / outputs.shape[1]

    def values(self, answers, labels):
        """See `Loss`."""
        wrong = answers.copy()
        wrong[np.arange(len(labels)), labels] -= 1
        return (wrong**2).sum(axis=1), 2 * wrong

    def by_outputs(self, gradient, n_steps):
        """See `Loss`."""
        out = np.zeros((len(gradient), n_steps, gradient.shape[1]), gradient.dtype)
        out[:, -1] = gradient / n_steps
        return out


def _second_half(n_steps):
    """Steps over which the last answer of `.evaluate` averages."""
    return slice(max(-(-n_steps // 2), 1) - 1, n_steps)
