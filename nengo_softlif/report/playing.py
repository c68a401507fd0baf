"""The section in which images are shown spike by spike."""

from ..evaluation import backend_of
from ..tables import PrintedTable
from .packing import pack
from .records import Section
from .spike_trains import choose_images, watch


def watch_some(records, n_images):
    """Record some of the images, or note why not."""
    found = records.evaluation
    if found.times is None:
        return []
    backend = backend_of(records.model, found.backend)
    if not backend.records:
        records.notes.append(
            f"No image is shown spike by spike: {found.backend!r} does not record "
            "single neurons."
        )
        return []
    places = choose_images(found, n_images)
    return watch(records.model, records.data, found, places)


def play(records, n_bytes):
    """One image, spike by spike, in so many bytes; None where no image was recorded."""
    if not records.shown:
        return None
    found = records.evaluation
    packed = pack(records.shown, found, n_bytes)
    if not packed.images:
        return None
    n_steps, n_classes = records.shown[0].outputs.shape
    shown = records.shown[: len(packed.images)]
    n_answers = len(shown[0].answers)
    played = {
        "dt": 1000 * found.dt,
        "steps": n_steps,
        "classes": n_classes,
        "opening": (found.window or 0.0) / found.dt,
        "silent": n_steps - n_answers,
        "layers": packed.layers,
        "image": packed.image,
        "images": packed.images,
    }
    neurons = ", ".join(
        f"{layer['shown']} of {layer['total']:,} in {layer['name']}"
        for layer in packed.layers
    )
    lead = (
        f"{len(shown)} of {found.n_examples:,} images, those answered wrongly first, "
        f"each from rest. Neurons were chosen at random: {neurons}. A dot is a spike."
    )
    rows = [
        (
            image.place + 1,
            image.label,
            int(found.predictions[image.place]),
            *(int(spikes.sum()) for spikes in image.spikes.values()),
        )
        for image in shown
    ]
    n = len(next(iter(records.shown[0].neurons.values())))
    table = PrintedTable(
        (
            "image",
            "class",
            "answer",
            *(f"spikes in {name}" for name in shown[0].spikes),
        ),
        rows,
        below=(f"spikes of at most {n} neurons of each layer, chosen at random",),
    )
    details = {"played": played, "table": table}
    return Section("player", "One image, spike by spike", lead, details=details)
