"""`ChainCost`: a cost made of terms of layers and of neighbouring layers, with exact bounds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.oracles.oracle import CostDefaults
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["ChainCost", "Combine", "check_bounds"]

Combine: TypeAlias = Literal["sum", "max"]


class ChainCost(CostDefaults):
    """A cost made of terms of layers and of neighbouring layers.

    ``constant + sum of unary[l][option of l] + sum of pair[l][option of l, option of l + 1]``. With
    ``combine="max"`` it is the largest of these terms instead of their sum.

    Args:
        space: The space; terms are indexed by its layers' options.
        name: Name with unit.
        constant: What every architecture costs.
        unary: One ``(m_l,)`` array for each layer.
        pair: One ``(m_l, m_{l+1})`` array for each two neighbouring layers, or None where there are
            no such terms.
        combine: How terms make the cost.

    Raises:
        InvalidValue: The space has another number of options.
    """

    free = True
    provenance = "counted in closed form from the shapes of the layers"

    def __init__(
        self,
        space: SearchSpace,
        name: str,
        constant: float,
        unary: Sequence[Floats],
        pair: Sequence[Floats] | None = None,
        *,
        combine: Combine = "sum",
    ) -> None:
        self.space, self.name, self.constant, self.combine = space, name, constant, combine
        self.unary, self.pair = [np.asarray(u, dtype=np.float64) for u in unary], pair
        self._join = np.add if combine == "sum" else np.maximum
        shapes = [layer.count for layer in space.layers]
        if [len(u) for u in self.unary] != shapes:
            raise InvalidValue(f"cost {name!r} has terms for {[len(u) for u in self.unary]} options, the space has {shapes}.")
        # padded, so that one indexing reads the terms of all layers
        widest = max(shapes)
        self._unary = np.stack([np.pad(u, (0, widest - len(u))) for u in self.unary])
        padded = [np.pad(p, [(0, widest - n) for n in p.shape]) for p in pair or ()]
        self._pair = np.stack(padded) if padded else None
        # many options are alike in what they mean to the next layer: bounds look at each kind once
        self._kinds = [np.unique(p, axis=0, return_inverse=True) for p in pair or ()]
        mark = "" if combine == "sum" else f":{combine}"
        digest = hashlib.sha256(f"{name}:{space.fingerprint}:{constant}{mark}".encode())
        for term in (*self.unary, *(pair or ())):
            digest.update(np.ascontiguousarray(term, dtype=np.float64).tobytes())
        self.fingerprint = "counted:" + digest.hexdigest()[:16]

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` cost of complete valid architectures.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in the space.
        """
        options = self.space.valid_options(archs)
        terms = self._unary[np.arange(options.shape[1]), options]
        total = self._join(self.constant, self._join.reduce(terms, axis=1))
        if self._pair is not None:
            terms = self._pair[np.arange(options.shape[1] - 1), options[:, :-1], options[:, 1:]]
            total = self._join(total, self._join.reduce(terms, axis=1))
        return np.asarray(total)

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest cost over the completions of partial architectures, exact.

        Found by one pass over the layers.

        Raises:
            InvalidValue: A row has no valid completion.
        """
        least, largest = self.extremes(archs)
        check_bounds(least, archs, self.space)
        return least, largest

    def extremes(self, archs: Archs) -> tuple[Floats, Floats]:
        """As `bounds`, but where there is no valid completion the least cost is infinite."""
        return self._extreme(archs, +1.0), self._extreme(archs, -1.0)

    def narrow(self, space: SearchSpace) -> ChainCost:
        """The same cost over a restriction of the space; bounds are those of its completions."""
        keep = []
        for whole, part in zip(self.space.layers, space.layers, strict=True):
            keep.append(whole.numbers(part.options))
        pair = self.pair and [term[np.ix_(k, after)] for term, k, after in zip(self.pair, keep, keep[1:], strict=False)]
        unary = [u[k] for u, k in zip(self.unary, keep, strict=True)]
        return ChainCost(space, self.name, self.constant, unary, pair, combine=self.combine)

    def _extreme(self, archs: Archs, sign: float) -> Floats:
        """Least (+1) or largest (-1) cost over completions, from the last layer to the first."""
        choose, never = (np.min if sign > 0 else np.max), sign * np.inf
        best: Floats | None = None
        for layer in reversed(range(len(self.unary))):
            here: Floats = self.unary[layer][None]
            if best is not None:
                if self.pair is None:
                    after = choose(best, axis=1, keepdims=True)
                else:
                    kinds, kind = self._kinds[layer]
                    linked = self._join(kinds[None], best[:, None, :])
                    if self.combine == "max" and sign < 0:  # the larger of minus infinity and a term forgets the former
                        linked = np.where(best[:, None, :] == never, never, linked)
                    after = choose(linked, axis=2)[:, kind.reshape(-1)]
                here = self._join(here, after)
            best = np.where(self.space.consistent(archs, layer), here, never)
        assert best is not None, "a space has at least one layer"
        return np.asarray(self._join(choose(best, axis=1), self.constant))


def check_bounds(least: Floats, archs: Archs, space: SearchSpace) -> None:
    """Raises `InvalidValue` where the least cost is infinite: that row has no valid completion."""
    if np.isinf(least).any():
        row = int(np.flatnonzero(np.isinf(least))[0])
        raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, has no valid completion in {space.name!r}.")
