"""Which modules an image passes in ``evaluate``, and a weight on its way to the chip.

    python -m tests.benchmarks.rooms --out docs/results/rooms.json

Counts what runs, when everything is loaded already. A room is what stands on top of the
package, a module or a folder; a door is passed where a function of one room calls one
of another. Functions that Numba or TensorFlow compiled are not seen; what calls them
is. The command tells of the version of the package that is found first.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif import datasets

PACKAGE = Path(softlif.__file__).parent


def module_of(frame):
    path = Path(frame.f_code.co_filename)
    if PACKAGE not in path.parents:
        return None
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def passed(function):
    """Call a function; return the modules and the rooms that it passes."""
    modules, doors = {}, {}

    def see(frame, event, _):
        if event != "call" or (module := module_of(frame)) in (None, "__init__"):
            return
        modules.setdefault(module)
        caller = frame.f_back
        while caller is not None and (above := module_of(caller)) is None:
            caller = caller.f_back
        if caller is None or above == "__init__":
            return
        above, room = above.split(".")[0], module.split(".")[0]
        if above != room:
            doors.setdefault((above, room))

    function()  # loads and compiles
    sys.setprofile(see)
    try:
        function()
    finally:
        sys.setprofile(None)
    rooms = dict.fromkeys(module.split(".")[0] for module in modules)
    return {
        "modules": list(modules),
        "rooms": list(rooms),
        "doors": [f"{above} -> {room}" for above, room in doors],
    }


def measured():
    data = datasets.load("digits")
    model = softlif.networks.small(seed=0)
    model.preprocessing = softlif.Preprocessing.from_images(data.x_train)
    spiking = softlif.to_spiking(model)

    def image():
        softlif.evaluate(
            spiking, data, presentation_time=0.01, n_examples=2, progress_bar=False
        )

    def weight():
        softlif.Emulator(softlif.to_loihi(softlif.to_spiking(model)).network)

    return {
        "an image through evaluate": passed(image),
        "a weight to the emulated chip": passed(weight),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="file for the JSON")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = measured()
    for way, seen in found.items():
        print(
            f"{way}: {len(seen['modules'])} modules in {len(seen['rooms'])} rooms, "
            f"{len(seen['doors'])} doors\n  {', '.join(seen['rooms'])}"
        )
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
