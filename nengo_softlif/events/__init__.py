"""Events of sensors: time, x, y and polarity; as frames, in files, and made of images.

Events are as `tonic <https://tonic.readthedocs.io>`_ gives them: for each example a
structured array with the fields ``t`` (microseconds since the example began, in whole
numbers that do not decrease), ``x`` and ``y`` (pixels, counted from 0) and ``p``
(polarity, 0 or 1). `frames` counts them in each step of time, `save` writes them to a
file that `.datasets.load` reads, and `moving_digits` makes some.

In a file, an ``.npz`` of plain numbers, the events of all examples follow each other::

    events_train   (n_events, 4)      t, x, y, p
    offsets_train  (n_examples + 1,)  example i is events_train[offsets[i]:offsets[i+1]]
    y_train        (n_examples,)      its class
    events_test, offsets_test, y_test
    sensor_size    (3,)               width, height, number of polarities
    dt             ()                 seconds in a frame
    n_steps        ()                 frames for each example

Tonic is not needed for any of this.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "binning": ["frames"],
        "moving": ["DIRECTIONS", "moving_digits"],
        "storage": ["ARRAYS", "from_file", "save"],
    },
)
