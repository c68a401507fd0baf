"""From records to one file, which needs nothing beside it."""

import base64
import gzip
import json
import os
from pathlib import Path

import jinja2
from nengo.exceptions import ValidationError

from .. import files
from ..checks import check_whole
from ..datasets import check_data
from ..models import check_model
from . import costs, papers, results, words
from .playing import play, watch_some
from .records import Records, Section
from .verdict import summarise

N_BYTES = 3_000_000
"""A page is not larger."""

LARGEST_DOWNLOAD = 1_000_000
"""Of the records for download; beyond, the ladder is left out of them."""

FRAME = 4_000
"""Bytes around what is played."""

HERE = Path(__file__).parent


def write(
    evaluation,
    path,
    model=None,
    data=None,
    others=(),
    ladder=None,
    n_images=24,
    notes=(),
):
    """Write a page of HTML that shows what was measured.

    It needs no other file, and no network. Sections whose records are not there are
    left out.

    Parameters
    ----------
    evaluation : Evaluation
        What the page is about.
    path : str or Path
        The file. An earlier one survives if writing fails.
    model : Model, optional
        What was evaluated. With it, and data, some images are shown once more, spike by
        spike; its history is the section on training.
    data : Dataset, optional
        Whose test images were shown.
    others : Evaluation or iterable of Evaluation
        Of the same images, to be compared: of rates, or on a chip.
    ladder : Ladder, optional
        What `.explain` found with the same images. Without others, those at both of its
        ends are compared.
    n_images : int
        How many images to show spike by spike, those answered wrongly first; fewer if
        the page would be larger than 3 MB.
    notes : iterable of str
        Sentences to stand at the end, such as what was not measured, and why.

    Raises
    ------
    ValidationError
        If records are of other images, or model and data are not what was evaluated;
        before images are shown.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from nengo_softlif import report
    >>> report.write(result, "digits.html", model=spiking, data=data, n_images=2)
    """
    _check_path(path)
    check_whole("n_images", n_images, 0, 1000)
    records = Records.of(evaluation, others, ladder, notes=list(notes))
    if model is not None:
        check_model(model)
        records.model = model
    if model is not None and data is not None:
        check_data(data, model)
        records.data = data
    if records.data is not None and n_images > 0:
        records.shown = watch_some(records, n_images)
    files.replace(path, render(records).encode())


def _check_path(path):
    """Refuse a folder that is not there before anything is shown."""
    folder = files.expanded(path).absolute().parent
    if not folder.is_dir():
        raise ValidationError(
            f"{str(folder)!r} is not a folder; create it first", attr="path"
        )
    if not os.access(folder, os.W_OK):
        raise ValidationError(f"you may not write to {str(folder)!r}", attr="path")


def render(records):
    """Make the page of all that is there.

    Parameters
    ----------
    records : Records
        What there is.

    Returns
    -------
    str
        HTML.
    """
    download, whole = _download(records)
    sections = [
        make(records)
        for make in (
            results.over_time,
            costs.rates,
            results.confusion,
            results.ladder,
            results.training,
            costs.spending,
            costs.chip,
            papers.compare,
        )
    ]
    sections = [section for section in sections if section is not None]
    sections.append(_provenance(records, whole))
    top = summarise(records)
    room = N_BYTES - len(_page(top, sections, None, download).encode()) - FRAME
    player = play(records, room)
    if player is not None:
        sections.insert(sections[0].key == "time", player)
    return _page(top, sections, player, download)


def _page(top, sections, player, download):
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    scripts = "".join((HERE / name).read_text() for name in SCRIPTS)
    plots = [
        {"kind": plot.kind, "label": plot.label, **plot.data}
        for section in sections
        for plot in section.plots
    ]
    return environment.get_template("page.html").render(
        top=top,
        sections=sections,
        plots=_for_script(plots),
        player=_for_script(player and player.details["played"]),
        style=jinja2.utils.markupsafe.Markup((HERE / "page.css").read_text()),
        script=jinja2.utils.markupsafe.Markup(scripts),
        download=download,
    )


SCRIPTS = "plots.js", "charts.js", "player.js", "page.js"
"""What draws, in the order in which it is read."""


def _for_script(value):
    """JSON that may stand inside of a script: nothing in it ends that."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return jinja2.utils.markupsafe.Markup(text)


def _download(records):
    """Records as JSON, compressed, as text; and whether nothing is left out."""
    curves = {name: json.loads(found.to_json()) for name, found in records.curves}
    held = {"evaluations": curves}
    whole = held
    if records.ladder is not None:
        whole = {**held, "ladder": json.loads(records.ladder.to_json())}
    for part in (whole, held):
        packed = base64.b64encode(gzip.compress(json.dumps(part).encode(), mtime=0))
        if len(packed) <= LARGEST_DOWNLOAD:
            return packed.decode(), part is whole
    return None, False


def _provenance(records, whole):
    found = records.evaluation
    rows = [
        ("command", found.command or "from Python"),
        ("commit", found.commit or "not from a checkout"),
        ("seed", found.seed),
        ("data", f"{found.dataset}, sha256 {found.data_sha256}"),
        ("network", found.network),
        ("backend", f"{found.backend}, synapse {found.synapse}"),
    ]
    if found.dt is not None:
        rows.append(("steps", words.time(found.dt)))
    rows.append(("versions", ", ".join(f"{k} {v}" for k, v in found.versions.items())))
    notes = list(records.notes)
    if not whole:
        notes.append("The records for download leave out what would be too large.")
    return Section(
        "provenance",
        "Where it comes from",
        "",
        details={"rows": rows, "notes": notes},
    )
