"""Publications of device costs, known by how column names begin: data set and caveats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nasgym.tables.cost_columns import ANY_DATASET

__all__ = ["PUBLISHED", "Published", "origin_of"]


@dataclass(frozen=True)
class Published:
    """Columns of one publication.

    Attributes:
        pattern: Of the name before the unit; groups ``device`` and, where names have it,
            ``dataset``.
        dataset: Data set whose networks were measured, ``"*"`` where the publication does not say.
        note: What it is.
        notes: Caveats of single devices.
    """

    pattern: re.Pattern[str]
    dataset: str
    note: str
    notes: Mapping[str, str]


MILLISECONDS = "whole milliseconds only, noisy"
MISLABELLED = (
    "eagle_i7 and eagle_gtx agree within about 2 percent, so one of them was published under a wrong name; use one at most"
)
ESTIMATED = "estimated by a simulator or a synthesis tool, not measured"
PUBLISHED = (
    Published(
        re.compile(r"hwnas_(?P<device>.+)"),
        "cifar10",
        "HW-NAS-Bench: the network for CIFAR-10, one image",
        {
            "eyeriss": ESTIMATED,
            "fpga": f"{ESTIMATED}; the energy is DERIVED as 7 W times the latency",
            "edgetpu": "networks that the compiler refused are blank",
        },
    ),
    Published(
        re.compile(r"help_(?P<device>.+)"),
        ANY_DATASET,
        "HELP: measured; a number after the name of a graphics card is the images at once, and the latency is that of all of them. For which data "
        "set is not stated, so the column stands for every one",
        dict.fromkeys(("samsung_s7", "samsung_a50", "pixel2", "essential_ph_1"), MILLISECONDS),
    ),
    Published(
        re.compile(r"hw360_(?P<device>.+)_(?P<dataset>cifar100|ninapro|darcy)"),
        "",
        "HW-NAS-Bench-360: median latency and energy, measured on one of the isomorphic cells of each class and shared by all",
        {"pixel_litert": "a Pixel 6a; which of its processors ran the network is uncertain"},
    ),
    Published(
        re.compile(r"nnmeter_(?P<device>.+)"),
        ANY_DATASET,
        "data set of nn-Meter: measured; for which images is not stated, so the column stands for every data set",
        {},
    ),
    Published(
        re.compile(r"eagle_(?P<device>.+)"),
        ANY_DATASET,
        "EAGLE (LatBench): measured; for which images is not stated, so the column stands for every data set",
        {"i7": MISLABELLED, "gtx": MISLABELLED},
    ),
)
# these two have the plain names; devices of the others keep the publication in theirs, since both
# have an Edge TPU
PLAIN = ("hwnas", "help")


def origin_of(text: str) -> tuple[str, str, str]:
    """Device, data set and note of a column's name without cost and unit."""
    for published in PUBLISHED:
        found = published.pattern.fullmatch(text)
        if found is None:
            continue
        source, device = text.partition("_")[0], found["device"]
        notes = (published.note, published.notes.get(device, ""))
        name = device if source in PLAIN else f"{source}_{device}"
        return name, published.dataset or found["dataset"], "; ".join(note for note in notes if note)
    return text, ANY_DATASET, "nothing is stated about it"
