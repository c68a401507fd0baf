"""The engine run backwards: gradients of a loss through spikes and time."""
