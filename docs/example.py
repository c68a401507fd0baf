import nengo_softlif as softlif

import nengo

data = softlif.datasets.load("digits")
model = softlif.networks.small()
softlif.fit(model, data, epochs=30, batch_size=32, learning_rate=3e-3)

spiking = softlif.to_spiking(model, synapse=nengo.Alpha(0.005))
print(softlif.evaluate(model, data, backend="rate"))
print(softlif.evaluate(spiking, data, presentation_time=0.2))
