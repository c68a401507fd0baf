"""The laws that every part obeys, as tables: a new kind is a row.

====  ==================================================================================
law   what holds, and where
====  ==================================================================================
1     the soft LIF curve (`test_curves`)
2     NumPy, Nengo, NengoDL and the engine give the same rates (`test_rates`);
      gradients: ``tests/tensors``, and ``tests/training/test_layered``
3     noise has the rate as its mean, and the distribution of filtered spikes
      (`test_noise`)
4     noise acts in training only, and repeats (`test_noise`; in TensorFlow:
      ``tests/tensors``)
5     conversions leave their argument, and its weights, as they are
      (`test_conversions`)
6     a LIF neuron keeps to its rate (`test_conversions`)
7     the engine gives Nengo's spikes (`test_simulation`; random networks:
      ``tests/fuzz``)
8     batches, chunks and runs do not matter (`test_simulation`)
9     what is saved is what is loaded (`test_keeping`; damaged files: ``tests/fuzz``)
10    bad input is refused: beside what refuses it; a training that is killed goes on:
      ``tests/training/test_checkpoints``
====  ==================================================================================

The rows: ``tests/kinds.py`` for neurons and noise, ``tests/sample_networks.py`` and
``tests/sample_stacks.py`` for networks.
"""
