"""`Numbering`: how many architectures there are, and their places in lexicographic order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.type_aliases import Bools, Floats, Ints

__all__ = ["Numbering", "amount"]


class Numbering:
    """Counts the paths through layers of options, by a dynamic programme from the last layer on.

    A path takes one option of each layer, until it takes one that ends it. Paths are ``(N, L)``
    rows of numbers of the layers' options, 0 after the end; they are ordered lexicographically.

    Args:
        name: Of the space, for errors.
        counts: Options of each layer.
        ends: Layers with options that end a path, each with ``(m,)`` which of its options do. A
            product of layers has none.
    """

    def __init__(self, name: str, counts: Sequence[int], ends: Mapping[int, Bools]) -> None:
        self._name, self._counts, self._ends = name, tuple(counts), dict(ends)
        # of each layer, how many paths a choice of it is worth; of layers with ends, how many paths
        # go before each option, and how likely each is in a uniform draw
        self._weights: list[int] = []
        self._before: dict[int, list[int]] = {}
        self._shares: dict[int, Floats] = {}
        after = 1
        for layer in range(len(counts) - 1, -1, -1):
            if layer not in self._ends:
                self._weights.append(after)
                after *= int(counts[layer])
                continue
            self._weights.append(1)
            parts = [1 if end else after for end in self._ends[layer].tolist()]
            self._before[layer] = [sum(parts[:option]) for option in range(len(parts))]
            after = sum(parts)
            # quotients of whole numbers of any size are rounded once
            self._shares[layer] = np.array([sum(parts[: option + 1]) / after for option in range(len(parts))])
        self._weights.reverse()
        self.size = after
        self._worth = np.array(self._weights, dtype=np.int64) if after < 2**63 else None

    def reached(self, options: Ints) -> Bools:
        """``(N, L)`` which layers ``(N, L)`` options reach: up to the first one that ends."""
        reached = np.ones(options.shape, dtype=bool)
        for layer, ends in self._ends.items():
            reached[:, layer + 1 :] &= ~ends[options[:, layer]][:, None]
        return reached

    def cleared(self, options: Ints) -> Ints:
        """``(N, L)`` the paths of any options: 0 after the first end."""
        return np.where(self.reached(options), options, 0) if self._ends else options

    def draw(self, rng: np.random.Generator, n: int) -> Ints:
        """``(n, L)`` options whose paths are uniform; what stands after an end has no meaning."""
        options = rng.integers(0, self._counts, size=(n, len(self._counts)))
        for layer, shares in self._shares.items():
            options[:, layer] = np.searchsorted(shares, rng.random(n), side="right")
        return options

    def positions(self, paths: Ints) -> Ints:
        """``(N,)`` places of paths, from 0.

        Raises:
            InvalidValue: There are 2^63 paths or more.
        """
        weights = self._checked()
        if not self._ends:
            return np.asarray(paths @ weights)
        worth = paths.copy()
        for layer, before in self._before.items():
            worth[:, layer] = np.array(before)[paths[:, layer]]
        return np.asarray(worth @ weights)

    def paths(self, positions: Ints) -> Ints:
        """``(N, L)`` the paths at ``(N,)`` places, the inverse of `positions`."""
        left = np.asarray(positions, dtype=np.int64)
        paths = np.empty((len(left), len(self._counts)), dtype=np.int64)
        for layer, weight in enumerate(self._checked()):
            if layer in self._before:
                before = np.array(self._before[layer])
                paths[:, layer] = np.searchsorted(before, left, side="right") - 1
                left = left - before[paths[:, layer]]
            else:
                paths[:, layer], left = np.divmod(left, weight)
        return paths

    def _checked(self) -> Ints:
        """``(L,)`` weights of the layers."""
        if self._worth is None:
            raise InvalidValue(f"space {self._name!r} has {amount(self.size)} architectures, too many to number in 64 bits.")
        return self._worth


def amount(size: int) -> str:
    """A number of architectures with three digits; a float holds none above 10^308."""
    return f"{size:.3g}" if size < 10**300 else f"10^{len(str(size)) - 1}"
