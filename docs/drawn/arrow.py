"""The picture on the front page, drawn from the neurons it shows."""

from nengo_softlif import AlphaNoise, SoftLIFRate, figures

import matplotlib.pyplot as plt
import nengo
import numpy as np
from matplotlib.patches import ConnectionPatch

neuron = SoftLIFRate()
J = np.linspace(0, 4, 401)
rates = neuron.rates(J, [1], [0])[:, 0]

fig = plt.figure(figsize=(9, 2.7))
axes = [fig.add_axes([left, 0.2, 0.19, 0.64]) for left in (0.07, 0.425, 0.78)]

figures.tuning_curve(neuron, J, axes[0], color=figures.BLUE)
axes[0].set(title="soft LIF rates", ylim=(-5, 200))

shape = (2000, len(J))
samples = AlphaNoise(0.005).apply(
    np.broadcast_to(rates, shape),
    np.broadcast_to(J, shape),
    neuron.tau_rc,
    np.random.RandomState(0),
)
figures.spike_noise(J, samples, axes[1])
axes[1].set(title="rates with spike noise", ylabel=None, ylim=(-5, 200))

with nengo.Network(seed=0) as net:
    spiking = nengo.Ensemble(
        1, 1, neuron_type=nengo.LIF(), gain=np.ones(1), bias=np.full(1, 2.0)
    )
    spikes = nengo.Probe(spiking.neurons)
    filtered = nengo.Probe(spiking.neurons, synapse=nengo.Alpha(0.005))
with nengo.Simulator(net, progress_bar=False) as sim:
    sim.run(0.1)
times = 1000 * sim.trange()
axes[2].plot(times, sim.data[filtered], color=figures.BLUE)
axes[2].eventplot(
    times[sim.data[spikes][:, 0] > 0], lineoffsets=185, linelengths=20, colors="k"
)
axes[2].set(title="spikes, alpha synapses", xlabel="time (ms)", ylim=(-5, 200))

for ax in axes[1:]:
    ax.tick_params(labelleft=False)
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)
for left, right, verb, what in (
    (axes[0], axes[1], "fit", "learns the weights"),
    (axes[1], axes[2], "to_spiking", "keeps the weights"),
):
    arrow = ConnectionPatch(
        (1.08, 0.5),
        (-0.12, 0.5),
        "axes fraction",
        "axes fraction",
        axesA=left,
        axesB=right,
        arrowstyle="-|>",
        mutation_scale=18,
        linewidth=2,
        color=figures.ORANGE,
    )
    fig.add_artist(arrow)
    middle = (left.get_position().x1 + right.get_position().x0 - 0.005) / 2
    fig.text(middle, 0.57, verb, ha="center", family="monospace", fontsize=11)
    fig.text(middle, 0.42, what, ha="center", fontsize=8)
