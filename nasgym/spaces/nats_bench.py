"""The two NATS-Bench spaces: cell topology and layer sizes (Dong et al., 2009.00437)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.spaces.decision import Decision
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Ints

__all__ = ["EDGES", "OPS", "WIDTHS", "SizeSpace", "TopologySpace"]

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
WIDTHS = (8, 16, 24, 32, 40, 48, 56, 64)


class TopologySpace(SearchSpace):
    """A cell of four nodes and six edges, each one of five operations: 5^6 = 15,625 cells.

    This is NAS-Bench-201. Text form: the official string,
    ``"|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|..."``. Cells whose outputs agree up to the
    order of sums, skips and dead edges are isomorphic: 6,466 classes (`canonical` gives the first
    cell of a class). They were trained separately and differ, so tables keep one entry for each
    encoding.
    """

    def __init__(self) -> None:
        super().__init__(
            "nats-tss",
            [Decision(f"node{target}.from{source}", OPS, "op") for source, target in EDGES],
            default=("nor_conv_3x3",) * len(EDGES),
        )

    @cached_property
    def _first_of_class(self) -> Ints:
        """``(15625,)`` by base-5 code: the lowest code of the cell's isomorphism class."""
        first: dict[str, int] = {}
        grid = np.indices((len(OPS),) * len(EDGES)).reshape(len(EDGES), -1).T
        classes = [first.setdefault(_node_text(ops), code) for code, ops in enumerate(grid.tolist())]
        return np.array(classes, dtype=np.int64)

    def canonical_valid(self, archs: Archs) -> Archs:
        """See `SearchSpace.canonical_valid`."""
        weights = len(OPS) ** np.arange(len(EDGES))[::-1]
        codes = self._first_of_class[archs @ weights]
        return np.asarray(codes[:, None] // weights % len(OPS), dtype=np.int8)

    def join(self, parts: Sequence[str]) -> str:
        """See `SearchSpace.join`."""
        nodes = []
        for target in (1, 2, 3):
            edges = [f"{op}~{source}" for (source, end), op in zip(EDGES, parts, strict=True) if end == target]
            nodes.append("|" + "|".join(edges) + "|")
        return "+".join(nodes)

    def split(self, text: str) -> list[str]:
        """See `SearchSpace.split`."""
        edges = [edge for node in text.strip().split("+") for edge in node.strip("|").split("|")]
        sources = [edge.partition("~")[2] for edge in edges]
        if sources != [str(source) for source, _ in EDGES]:
            raise InvalidValue(f"{text!r} is not a cell; written like {self.to_str(self.default[None])[0]!r}.")
        return [edge.partition("~")[0] for edge in edges]


def _node_text(ops: Sequence[int]) -> str:
    """What the output node computes, as the text by which the benchmark tells cells apart.

    There are 6,466 such texts. Dead edges are ``#``, skips pass on what their source computes, and
    the terms of a sum are sorted as text. Sums are not flattened and zeros stay in them; a full
    normal form would leave 4,930 classes, but 6,466 is the published count. The names of the
    operations stand in the text because they decide the order, and with it which nested sums look
    alike.
    """
    texts = ["0"]
    for target in (1, 2, 3):
        terms = []
        for (source, end), op in zip(EDGES, ops, strict=True):
            if end != target:
                continue
            if OPS[op] == "none" or texts[source] == "#":
                terms.append("#")
            elif OPS[op] == "skip_connect":
                terms.append(texts[source])
            else:
                terms.append(f"({texts[source]})@{OPS[op]}")
        texts.append("+".join(sorted(terms)))
    return texts[-1]


class SizeSpace(SearchSpace):
    """Five layer widths out of 8, 16, ..., 64: 8^5 = 32,768 networks.

    Text form ``"8:16:24:32:40"``, as published. The cost of a layer depends on the width before it:
    costs are chains over neighbouring layers.
    """

    def __init__(self) -> None:
        names = ("cell1", "reduce1", "cell2", "reduce2", "cell3")
        super().__init__("nats-sss", [Decision(f"{name}.width", WIDTHS, "width") for name in names])

    def join(self, parts: Sequence[str]) -> str:
        """See `SearchSpace.join`."""
        return ":".join(parts)

    def split(self, text: str) -> list[str]:
        """See `SearchSpace.split`."""
        return [part.strip() for part in text.split(":")]
