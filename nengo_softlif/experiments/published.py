"""Numbers that others published: each with its source, and how sure it is."""

from typing import NamedTuple

READ = "read there"
QUOTED = "as others quote it"
DERIVED = "computed from what is read there"

THESIS = "E. Hunsberger, PhD thesis, University of Waterloo, 2018"


class Published(NamedTuple):
    """A number, in the unit of what it is held against.

    Parameters
    ----------
    value : float
        The number.
    work : str
        Whose it is, and of what network.
    source : str
        Where it stands.
    sure : str
        How it came here: `READ`, `QUOTED` or `DERIVED`.
    images : int, optional
        On how many images, where they were so few that chance matters.
    """

    value: float
    work: str
    source: str
    sure: str
    images: int | None = None


_FANG = "quoted in Fang et al., ICCV 2021, Table 2"

NUMBERS = {
    # CIFAR-10, error in percent
    "cifar10-spikes-2015": Published(
        17.05,
        "Hunsberger and Eliasmith 2015, in spikes",
        f"arXiv:1510.08829, Table 1, {_FANG}",
        QUOTED,
    ),
    "cifar10-spikes-2016": Published(
        16.46,
        "Hunsberger and Eliasmith 2016, in spikes",
        f"arXiv:1611.05141; {THESIS}, main results",
        READ,
    ),
    "cifar10-original-2015": Published(
        14.63,
        "Hunsberger and Eliasmith 2015, their network without spikes (ReLU, max "
        "pooling, response normalisation)",
        "arXiv:1510.08829, Table 1",
        READ,
    ),
    "cifar10-rates-2016": Published(
        16.28,
        "Hunsberger and Eliasmith 2016, as rates",
        f"arXiv:1611.05141; {THESIS}, main results",
        READ,
    ),
    "cifar10-lee": Published(
        9.05,
        "Lee et al. 2020, ResNet11, trained in spikes",
        f"Front. Neurosci. 14:119, {_FANG}",
        QUOTED,
    ),
    "cifar10-loihi": Published(
        8.52,
        "NxTF 2021, MobileNet on Loihi, integrate-and-fire",
        "arXiv:2101.04261, abstract",
        QUOTED,
    ),
    # CIFAR-10, other units
    "cifar10-hertz": Published(
        148.0, "the papers' network, mean", f"{THESIS}, table of spike rates", READ
    ),
    "cifar10-shortest": Published(
        60.0,
        "the papers' shortest presentation, at 0.8 points more error than 200 ms",
        f"{THESIS}, table of noise models",
        DERIVED,
    ),
    "cifar10-seenn": Published(
        3.9,
        "SEENN 2023, early exit after 1.08 steps on average, in networks without "
        "synapses",
        "arXiv:2304.01230, abstract",
        QUOTED,
    ),
    "cifar10-efficiency": Published(
        0.76, "the papers' network", f"{THESIS}, table of efficiencies", READ
    ),
    "cifar10-conversion": Published(
        0.37,
        "five networks trained with 10 Hz",
        f"{THESIS}, table of noise models, 16.40 - 16.03",
        DERIVED,
    ),
    # MNIST, error in percent
    "mnist-spikes-2015": Published(
        1.63,
        "Hunsberger and Eliasmith 2015, in spikes",
        f"arXiv:1510.08829, Table 2, {_FANG}",
        QUOTED,
    ),
    "mnist-spikes-2016": Published(
        0.88,
        "Hunsberger and Eliasmith 2016, in spikes",
        f"arXiv:1611.05141; {THESIS}, main results",
        READ,
    ),
    "mnist-rates-2016": Published(
        0.84,
        "Hunsberger and Eliasmith 2016, as rates",
        f"arXiv:1611.05141; {THESIS}, main results",
        READ,
    ),
    "mnist-lee": Published(
        0.41,
        "Lee et al. 2020, LeNet, trained in spikes",
        f"Front. Neurosci. 14:119, {_FANG}",
        QUOTED,
    ),
    "mnist-loihi": Published(
        2.0,
        "NengoLoihi's convolutional network, emulated, on 50 images",
        "NengoLoihi 1.0, documentation, mnist-convnet",
        READ,
        images=50,
    ),
    # MNIST, other units
    "mnist-hertz": Published(
        9.67, "the papers' network, mean", f"{THESIS}, table of spike rates", READ
    ),
    "mnist-efficiency": Published(
        5.94,
        "the papers' network, 200 ms",
        f"{THESIS}, table of efficiencies",
        READ,
    ),
    # what noise of 10 Hz in training does to the error in spikes, in points
    "noise-2015": Published(
        -3.4, "Hunsberger and Eliasmith 2015", "arXiv:1510.08829, text", READ
    ),
    "noise-200ms": Published(
        0.09,
        "alpha 5 ms, 200 ms, five networks each",
        f"{THESIS}, table of noise models, 16.40 - 16.31",
        DERIVED,
    ),
    "noise-60ms": Published(
        -0.71,
        "no synapse, 60 ms, five networks each",
        f"{THESIS}, table of noise models, 17.15 - 17.86",
        DERIVED,
    ),
}
"""By name. Errors are in percent, differences in points, rates in Hz, times in ms."""

NOISE_MODELS = {
    "none": (15.57, 16.31, 16.38, 16.99, 17.86),
    "gaussian:10": (16.03, 16.40, 16.38, 16.68, 17.15),
    "gaussian:20": (16.96, 17.43, 17.37, 17.29, 17.44),
    "alpha:0.003": (18.49, 18.68, 18.72, 18.48, 18.66),
    "alpha:0.005": (16.96, 17.20, 17.13, 17.22, 17.42),
    "alpha-rc:0.003": (15.65, 16.18, 16.18, 16.55, 17.31),
    "alpha-rc:0.005": (15.66, 16.37, 16.38, 16.90, 17.58),
}
"""Errors on CIFAR-10 in percent, means over 5 networks: as rates, and in spikes with an
alpha synapse of 5 ms from 100 to 200 ms, 3 ms from 60 to 150 ms, none from 10 to 80 and
from 10 to 60 ms (Hunsberger's thesis, 2018, table of noise models, read there)."""

MODIFICATIONS = {
    "original": (14.03, None),
    "no-normalisation": (14.38, None),
    "average-pooling": (16.70, None),
    "soft-lif": (15.89, 17.01),
    "noise-10": (16.01, 16.46),
    "noise-20": (16.92, 17.04),
}
"""Errors on CIFAR-10 in percent, one network each after 520 epochs: as rates, and in
spikes where it has any (Hunsberger's thesis, 2018, table of modifications, read
there)."""
