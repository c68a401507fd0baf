"""The picture of the README: ``python docs/drawn/front.py`` trains what it shows."""

from pathlib import Path

import nengo_softlif as softlif
from nengo_softlif import figures

import matplotlib.pyplot as plt
import nengo

data = softlif.datasets.load("digits")
model = softlif.networks.small()
softlif.fit(model, data, epochs=12, batch_size=32, learning_rate=3e-3)
spiking = softlif.to_spiking(model)
chip = softlif.to_loihi(spiking)

one = spiking.copy()
one.input.output = one.preprocessing.test(data.x_test[:1])[0]
with one.network:
    probes = {e.label: nengo.Probe(e.neurons) for e in one.ensembles}
with softlif.Simulator(one.network) as sim:
    sim.run(0.1)
    spikes = {name: sim.data[probe] for name, probe in probes.items()}

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained", width_ratios=(3, 2)
)
figures.raster(sim.trange(), spikes, left, n_shown=24)
left.set_title("one image, spike by spike")
shown = {"presentation_time": 0.1, "batch_size": 120}
found = [softlif.evaluate(model, data)]
found += [softlif.evaluate(each, data, **shown) for each in (spiking, chip)]
figures.error_over_time(found, right, ["rates", "spikes", "Loihi, emulated"])
right.set_title("360 images of digits")
figures.save_figure(figure, Path(__file__).parents[1] / "front.svg")
