"""`LayerTerms`: a cost as numbers of layers and of neighbouring layers, for exact arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nasgym.errors import InvalidValue
from nasgym.type_aliases import Bools, Floats, Ints

__all__ = ["Combine", "LayerTerms"]

Combine: TypeAlias = Literal["sum", "largest"]

# rows from which on a call for each layer is faster than an accumulation within each row
MANY = 256


@dataclass(frozen=True, eq=False)
class LayerTerms:
    """A cost of architectures whose layers' options are known (`SearchSpace.to_options`).

    ``constant + sum of unary[l][option of l] + sum of pair[l][option of l, option of l + 1]``, or
    the largest of these terms. Where the first layer changes what all the others cost, there is one
    such cost for each of its options, and the other fields are empty.

    Attributes:
        constant: What every architecture costs.
        unary: One ``(m_l,)`` array for each layer, in the order of its options.
        pair: One ``(m_l, m_{l+1})`` array for each two neighbouring layers; None where there are no
            such terms.
        combine: How terms make the cost: ``"sum"`` or ``"largest"``.
        by_first_layer: The cost given each option of the first layer; empty where one serves all.
    """

    constant: float
    unary: tuple[Floats, ...]
    pair: tuple[Floats, ...] | None = None
    combine: Combine = "sum"
    by_first_layer: tuple[LayerTerms, ...] = ()

    def __post_init__(self) -> None:
        # whoever reads them shares them with the cost
        object.__setattr__(self, "unary", tuple(map(_read_only, self.unary)))
        object.__setattr__(self, "pair", tuple(map(_read_only, self.pair)) if self.pair else None)
        expected = [] if self.pair is None else list(pairwise(self.counts))
        if [matrix.shape for matrix in self.pair or ()] != expected:
            raise InvalidValue(
                f"layers of {self.counts} options have pairs of shapes {expected}, got {[m.shape for m in self.pair or ()]}."
            )
        if len({(case.counts, case.combine) for case in self.cases}) != 1:
            raise InvalidValue("the cases of a cost have the same options, and combine their terms in the same way.")

    @classmethod
    def of_cases(cls, cases: Iterable[LayerTerms]) -> LayerTerms:
        """The cost that has another form for each option of the first layer."""
        given = tuple(cases)
        return cls(0.0, (), combine=given[0].combine, by_first_layer=given)

    @property
    def cases(self) -> tuple[LayerTerms, ...]:
        """The chains that it is made of: one for each option of the first layer, or itself."""
        return self.by_first_layer or (self,)

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of options of each layer."""
        return tuple(len(terms) for terms in self.cases[0].unary)

    @property
    def _join(self) -> np.ufunc:
        return np.add if self.combine == "sum" else np.maximum

    def cost(self, options: npt.NDArray[np.integer[Any]]) -> Floats:
        """``(N,)`` costs of ``(N, L)`` options.

        Terms are taken one layer after the other, then the pairs, then the constant: sums of
        integers are exact, others are rounded in this order.
        """
        rows = np.asarray(options, dtype=np.int64)
        case = rows[:, :1] if self.by_first_layer else None
        constant, unary, pair = self._tables
        total = self._over_layers(unary.read(rows, case))
        if pair is not None:
            links = rows[:, :-1] * max(self.counts) + rows[:, 1:]
            total = self._join(total, self._over_layers(pair.read(links, case)))
        return np.asarray(self._join(total, constant if case is None else constant[case[:, 0]]))

    def extremes(self, allowed: Sequence[Bools] | None = None) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest cost over the architectures that are allowed, exact.

        Found by dynamic programming: one pass over the layers.

        Args:
            allowed: One ``(N, m_l)`` array for each layer: which of its options may be taken. By
                default all may (N = 1).

        Returns:
            Where nothing is allowed, the least is infinite and the largest minus infinity.
        """
        masks = [np.ones((1, count), dtype=bool) for count in self.counts] if allowed is None else allowed
        if not self.by_first_layer:
            return self._extreme(masks, +1.0), self._extreme(masks, -1.0)
        least, largest = np.full(len(masks[0]), np.inf), np.full(len(masks[0]), -np.inf)
        for option, terms in enumerate(self.by_first_layer):
            rows = np.flatnonzero(masks[0][:, option])
            if len(rows):
                only = np.zeros((len(rows), len(self.by_first_layer)), dtype=bool)
                only[:, option] = True
                low, high = terms.extremes([only, *(mask[rows] for mask in masks[1:])])
                least[rows], largest[rows] = np.minimum(least[rows], low), np.maximum(largest[rows], high)
        return least, largest

    def expected(self, probabilities: Sequence[Floats]) -> float:
        """Expected cost where each layer draws its option independently.

        Args:
            probabilities: ``(m_l,)`` for each layer.

        Raises:
            InvalidValue: The cost is the largest of its terms, whose expectation is no sum.
        """
        self._check_sum()
        first, *others = probabilities
        if self.by_first_layer:
            given = [terms.expected([one, *others]) for terms, one in zip(self.cases, np.eye(len(first)), strict=True)]
            return float(first @ np.array(given))
        total = self.constant + sum(float(p @ u) for p, u in zip(probabilities, self.unary, strict=True))
        linked = zip(self.pair or (), probabilities, others, strict=False)
        return float(total + sum(float(p @ terms @ after) for terms, p, after in linked))

    def expected_gradient(self, probabilities: Sequence[Floats]) -> tuple[Floats, ...]:
        """``(m_l,)`` for each layer: derivatives of `expected` by the layer's probabilities.

        The expected cost is linear in each layer's probabilities, so a gradient agent multiplies
        these by the derivatives of its probabilities, whatever library has them.

        Raises:
            InvalidValue: As `expected`.
        """
        self._check_sum()
        first, *others = probabilities
        if self.by_first_layer:
            at = np.eye(len(first))
            of_first = np.array([terms.expected([one, *others]) for terms, one in zip(self.cases, at, strict=True)])
            given = [terms.expected_gradient([one, *others]) for terms, one in zip(self.cases, at, strict=True)]
            rest = [np.asarray(first @ np.stack(layer)) for layer in list(zip(*given, strict=True))[1:]]
            return (of_first, *rest)
        found = [terms.copy() for terms in self.unary]
        for i, terms in enumerate(self.pair or ()):
            found[i] += terms @ probabilities[i + 1]
            found[i + 1] += probabilities[i] @ terms
        return tuple(found)

    def narrow(self, kept: Sequence[Ints]) -> LayerTerms:
        """The terms of a restriction.

        Args:
            kept: ``(k_l,)`` for each layer: the options that are left, in their order.
        """
        if self.by_first_layer:
            return LayerTerms.of_cases(self.by_first_layer[case].narrow(kept) for case in kept[0])
        pair = self.pair and tuple(term[np.ix_(k, after)] for term, k, after in zip(self.pair, kept, kept[1:], strict=False))
        unary = tuple(term[k] for term, k in zip(self.unary, kept, strict=True))
        return LayerTerms(self.constant, unary, pair, self.combine)

    def _check_sum(self) -> None:
        if self.combine != "sum":
            raise InvalidValue(
                f"the expected cost of independent layers is known where terms are summed; this cost is the {self.combine!r} of its "
                "terms: draw architectures and take the mean of cost()."
            )

    def _over_layers(self, terms: Floats) -> Floats:
        """``(N,)`` from ``(N, L)``, one layer after the other; a reduction has no order."""
        if len(terms) < MANY:
            return np.asarray(self._join.accumulate(terms, axis=1)[:, -1])
        total = terms[:, 0].copy()
        for layer in range(1, terms.shape[1]):
            self._join(total, terms[:, layer], out=total)
        return total

    @cached_property
    def _tables(self) -> tuple[Floats, _Table, _Table | None]:
        """Constants by case, and terms padded to the most options: pairs as one long row each."""
        cases, layers, widest = len(self.cases), len(self.counts), max(self.counts)
        constant, unary = np.array([terms.constant for terms in self.cases]), np.zeros((cases, layers, widest))
        for case, terms in enumerate(self.cases):
            for layer, values in enumerate(terms.unary):
                unary[case, layer, : len(values)] = values
        if all(terms.pair is None for terms in self.cases):
            return constant, _Table(unary), None
        pair = np.full((cases, layers - 1, widest, widest), 0.0 if self.combine == "sum" else -np.inf)
        for case, terms in enumerate(self.cases):
            for layer, matrix in enumerate(terms.pair or ()):
                pair[case, layer, : matrix.shape[0], : matrix.shape[1]] = matrix
        return constant, _Table(unary), _Table(pair.reshape(cases, layers - 1, -1))

    @cached_property
    def _kinds(self) -> list[tuple[Floats, Ints]]:
        """For each pair the distinct rows, and which of them each option has.

        Many options are alike in what they mean to the next layer: extremes look at each kind once.
        """
        found = [np.unique(matrix, axis=0, return_inverse=True) for matrix in self.pair or ()]
        return [(kinds, kind.reshape(-1)) for kinds, kind in found]

    def _extreme(self, allowed: Sequence[Bools], sign: float) -> Floats:
        """Least (+1) or largest (-1) cost of what is allowed, from the last layer to the first."""
        choose, never = (np.min if sign > 0 else np.max), sign * np.inf
        best: Floats | None = None
        for layer in reversed(range(len(self.unary))):
            here: Floats = self.unary[layer][None]
            if best is not None:
                if self.pair is None:
                    after = choose(best, axis=1, keepdims=True)
                else:
                    kinds, kind = self._kinds[layer]
                    after = choose(self._reach(kinds[None], best[:, None, :], never), axis=2)[:, kind]
                here = self._reach(here, after, never)
            best = np.where(allowed[layer], here, never)
        assert best is not None, "there is at least one layer"
        return self._reach(np.array(self.constant), choose(best, axis=1), never)

    def _reach(self, term: Floats, after: Floats, never: float) -> Floats:
        """A term joined with what comes after it; `never` where nothing can.

        The larger of minus infinity and a term would forget the former.
        """
        joined = self._join(term, after)
        forgets = self.combine == "largest" and never < 0
        return np.where(after == never, never, joined) if forgets else np.asarray(joined)


def _read_only(values: Floats) -> Floats:
    """The same numbers as a view that cannot be written."""
    view = np.asarray(values, dtype=np.float64).view()
    view.setflags(write=False)
    return view


class _Table:
    """``(cases, L, m)`` terms in one array: one indexing reads those of all layers."""

    def __init__(self, terms: Floats) -> None:
        _, layers, width = terms.shape
        self._flat, self._starts, self._case = terms.reshape(-1), np.arange(layers) * width, layers * width

    def read(self, columns: Ints, case: Ints | None) -> Floats:
        """``(N, L)`` terms at ``(N, L)`` columns, in the ``(N, 1)`` case of each row."""
        at = columns + self._starts
        # not take(): of columns that do not lie row by row it makes a copy first
        return np.asarray(self._flat[at if case is None else at + case * self._case])
