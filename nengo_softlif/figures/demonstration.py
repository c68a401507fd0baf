"""Figures of ``nengo-softlif demo``."""

from pathlib import Path

import nengo
from matplotlib.figure import Figure

from .activity import answer
from .canvas import save_figure
from .evaluations import error_over_time, firing_rates
from .ladders import save_ladder
from .neurons import tuning_curve


def save_demo(results, found, model, spiking, data, folder):
    """Write the figures of ``nengo-softlif demo``.

    Parameters
    ----------
    results : list of Evaluation
        What the demo measured; the last in spikes.
    found : Ladder
        What it found on the way to the chip.
    model : Model
        The network of soft LIF neurons.
    spiking : Model
        The network of spiking neurons.
    data : Dataset
        Its first test image is shown to the spiking network.
    folder : str or Path
        Exists already.

    Returns
    -------
    list of str
        Names of the files.

    Examples
    --------
    >>> from nengo_softlif import figures
    >>> len(figures.save_demo([result], found, model, spiking, data, "."))
    5
    """
    shown = spiking.copy()
    shown.input.output = spiking.preprocessing.test(data.x_test[:1])[0]
    with nengo.Simulator(shown.network, progress_bar=False) as sim:
        sim.run(0.1, progress_bar=False)

    written = []
    for name, draw in (
        ("neuron", lambda ax: tuning_curve(model.ensembles[0].neuron_type, ax=ax)),
        ("error-over-time", lambda ax: error_over_time(results, ax)),
        ("firing-rates", lambda ax: firing_rates(results[-1], ax)),
        (
            "answer",
            lambda ax: answer(
                sim.trange(), sim.data[shown.output], ax, int(data.y_test[0])
            ),
        ),
    ):
        figure = Figure(figsize=(6, 4), layout="constrained")  # needs no display
        draw(figure.subplots())
        save_figure(figure, Path(folder) / f"{name}.png")
        written.append(f"{name}.png")
    save_ladder(found, Path(folder) / "ladder.png")
    return [*written, "ladder.png"]
