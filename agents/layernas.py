"""LayerNAS: dynamic programming over layers, with the best candidates kept in buckets of equal cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from nasgym.agents.agent import Agent
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger import Ledger
from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import Archs

__all__ = ["LayerNAS"]

Select: TypeAlias = Literal["best", "uniform", "softmax"]
BucketBy: TypeAlias = Literal["cost", "options"]
Key: TypeAlias = tuple[Any, ...]  # of a bucket; sorts by cost, or by options


@dataclass
class LayerNAS(Agent):
    """LayerNAS (Fan et al., "LayerNAS: Neural Architecture Search in Polynomial Complexity", 2304.11517).

    A candidate of layer l is a whole network: its first l layers are chosen, the later ones have the space's default option
    (by convention the dearest). A visit to layer l takes a candidate, gives its layer l + 1 every option, evaluates these
    children and keeps the most accurate one of each cost bucket; then it goes on to the next layer, and from the last
    one back to the first, until no candidate has an option left to try. It compares accuracies; the constraint is kept by never
    evaluating a child none of whose completions can meet it.

    No official code and not the full paper were at hand: structure, buckets and filter follow the announcement's pseudo code
    and reviews of the paper; the loop sizes `searches` and `children`, the bucket formula and the way back to the first layer
    are remembered or inferred, and how a candidate is taken is not documented anywhere.

    Ties: among equal accuracies the lower bucket goes first, then what came earlier; in a full bucket the earlier one stays.
    Without a constraint nothing is filtered out. The result is the evaluated network with the best reward, as everywhere: with a
    rule that lets a broken constraint go unpunished (``"accuracy"``) it may be one whose later layers were still at default.

    Attributes:
        buckets: H, cost groups of equal width between the cheapest and the dearest network that the layer can reach; 100
            in all published experiments.
        per_bucket: K, candidates kept in a bucket; 1 is the announcement's rule, the paper keeps several (number unknown).
        searches: R, candidates expanded in a visit to a layer; None means as long as there is one.
        children: T, options tried of each, drawn at random; None means all, in the order of the space.
        select: ``"best"``: the most accurate candidate that has an option left; ``"uniform"``: a uniform bucket, then its
            most accurate one; ``"softmax"``: with probability proportional to exp(accuracy / temperature).
        temperature: Of ``"softmax"``, in units of accuracy (fractions).
        bucket_by: ``"cost"``: the problem's primary cost; ``"options"``: networks whose chosen layers hold the same options
            in any order share a bucket (for topologies, and for problems without a cost; `buckets` is not used).
    """

    name: ClassVar[str] = "layernas"
    buckets: int = 100
    per_bucket: int = 1
    searches: int | None = 1
    children: int | None = None
    select: Select = "best"
    temperature: float = 0.01
    bucket_by: BucketBy = "cost"

    def __post_init__(self) -> None:
        for name in ("buckets", "per_bucket", "searches", "children"):
            value = getattr(self, name)
            if not (value is None and name in ("searches", "children")) and (value is None or value < 1):
                raise InvalidValue(f"{name} must be at least 1, got {value!r}.")
        if self.select not in get_args(Select):
            raise unknown_name("select of layernas", self.select, get_args(Select))
        if self.bucket_by not in get_args(BucketBy):
            raise unknown_name("bucket_by of layernas", self.bucket_by, get_args(BucketBy))
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise InvalidValue(f"temperature must be a positive number, got {self.temperature!r}.")

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        layers = ledger.space.layers
        bucketize = self._bucketize(ledger)
        filters = _Filter(ledger)
        known: dict[bytes, float] = {}
        memo: list[dict[Key, list[_Candidate]]] = [{} for _ in range(len(layers) + 1)]
        memo[0][()] = [_Candidate(ledger.space.default, accuracy=0.0)]  # the only one of its layer: nothing to compare
        expanded = True
        while expanded:
            expanded = False
            for layer in range(len(layers)):
                visits = 0
                while self.searches is None or visits < self.searches:
                    parent = self._select(memo[layer], layer, filters, rng)
                    if parent is None:
                        break
                    children = self._apply_options(ledger, parent, layer, rng)
                    accuracies = _accuracies(ledger, known, children)
                    for child, accuracy, key in zip(children, accuracies, bucketize(layer, children), strict=True):
                        self._keep(memo[layer + 1].setdefault(key, []), _Candidate(child, accuracy))
                    visits += 1
                    expanded = True

    def _select(
        self, kept: dict[Key, list[_Candidate]], layer: int, filters: _Filter, rng: np.random.Generator
    ) -> _Candidate | None:
        """A candidate that has an untried option with a feasible completion, or None."""
        ordered = [candidate for key in sorted(kept) for candidate in kept[key]]
        filters.fill(ordered, layer)
        eligible = [candidate for candidate in ordered if candidate.untried]
        if not eligible:
            return None
        if self.select == "best":
            return max(eligible, key=lambda candidate: candidate.accuracy)
        if self.select == "softmax":
            accuracy = np.array([candidate.accuracy for candidate in eligible])
            weight = np.exp((accuracy - accuracy.max()) / self.temperature)
            return eligible[rng.choice(len(eligible), p=weight / weight.sum())]
        first = [next((c for c in kept[key] if c.untried), None) for key in sorted(kept)]
        heads = [candidate for candidate in first if candidate is not None]
        return heads[rng.integers(len(heads))]

    def _apply_options(self, ledger: Ledger, parent: _Candidate, layer: int, rng: np.random.Generator) -> Archs:
        """``(t, D)`` the next children of a candidate; their options count as tried."""
        assert parent.untried, "only candidates with an option left are taken"
        if self.children is None or self.children >= len(parent.untried):
            tried = parent.untried
        else:
            tried = sorted(rng.choice(parent.untried, self.children, replace=False).tolist())
        parent.untried = [option for option in parent.untried if option not in tried]
        children = np.repeat(parent.arch[None], len(tried), axis=0)
        children[:, ledger.space.layers[layer].slice] = ledger.space.layers[layer].options[tried]
        return children

    def _keep(self, bucket: list[_Candidate], child: _Candidate) -> None:
        """Puts a child into its bucket, which holds the `per_bucket` most accurate ones, best first."""
        bucket.append(child)
        bucket.sort(key=lambda candidate: -candidate.accuracy)  # stable: of equals the earlier one goes first
        del bucket[self.per_bucket :]

    def _bucketize(self, ledger: Ledger) -> Callable[[int, Archs], list[Key]]:
        """What gives the bucket of each child of a layer."""
        space = ledger.space
        if self.bucket_by == "options":
            parts = [layer.slice for layer in space.layers]
            return lambda layer, children: [
                tuple(sorted(row[part].tobytes() for part in parts[: layer + 1])) for row in children
            ]
        if ledger.cost_name is None:
            raise InvalidValue(
                "layernas groups candidates by cost, and this problem has none; give the problem a cost=..., or the agent "
                "bucket_by='options'."
            )
        name = ledger.cost_name
        least, largest = _reachable(ledger)

        def by_cost(layer: int, children: Archs) -> list[Key]:
            width = (largest[layer] - least[layer]) / self.buckets
            place = (ledger.costs(children)[name] - least[layer]) / (width or 1.0)
            return [(int(bucket),) for bucket in np.clip(np.floor(place), 0, self.buckets - 1)]

        return by_cost


@dataclass(eq=False)
class _Candidate:
    """A network of some layer: its accuracy, and the options of the next layer to try (None: not looked up yet)."""

    arch: Archs
    accuracy: float
    untried: list[int] | None = field(default=None)


class _Filter:
    """Which options of a candidate's next layer leave a completion that can meet the constraint."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._space = ledger, ledger.space

    def fill(self, candidates: list[_Candidate], layer: int) -> None:
        """Looks up the options of those candidates that are new, all at once."""
        new = [candidate for candidate in candidates if candidate.untried is None]
        options = self._space.layers[layer].options
        if not new:
            return
        rows = np.repeat(np.stack([candidate.arch for candidate in new]), len(options), axis=0)
        rows[:, self._space.layers[layer].slice] = np.tile(options, (len(new), 1))
        rows[:, self._space.layers[layer].slice.stop :] = OPEN
        possible = self._possible(rows).reshape(len(new), len(options))
        for candidate, row in zip(new, possible, strict=True):
            candidate.untried = np.flatnonzero(row).tolist()

    def _possible(self, prefixes: Archs) -> npt.NDArray[np.bool_]:
        limits = self._ledger.constraint
        possible = np.ones(len(prefixes), dtype=bool)
        if limits is None:
            return possible
        least, largest = self._ledger.cost_bounds(prefixes)
        if limits.upper is not None:
            possible &= least <= limits.upper
        if limits.lower is not None:
            possible &= largest >= limits.lower
        return possible


def _accuracies(ledger: Ledger, known: dict[bytes, float], archs: Archs) -> list[float]:
    """``(N,)`` accuracies; a network that was evaluated before is not evaluated again."""
    keys = [row.tobytes() for row in archs]
    new = [row for row, key in enumerate(keys) if key not in known]
    if new:
        found = ledger.evaluate(archs[new]).accuracy.tolist()
        known.update(zip((keys[row] for row in new), found, strict=True))
    return [known[key] for key in keys]


def _reachable(ledger: Ledger) -> tuple[list[float], list[float]]:
    """For each layer, the least and largest cost of the children made there: any options up to it, later ones at default."""
    space = ledger.space
    assert ledger.cost_name is not None, "only called with a cost"
    if not space.can_enumerate:
        rows = np.repeat(space.default[None], len(space.layers), axis=0)
        for row, layer in zip(rows, space.layers, strict=True):
            row[: layer.slice.stop] = OPEN
        low, high = ledger.cost_bounds(rows)
        return low.tolist(), high.tolist()
    # a table's bounds take prefixes only; but then everything can be looked at
    shape = [len(layer.options) for layer in space.layers]
    costs = ledger.costs(space.enumerate())[ledger.cost_name].reshape(shape)
    least, largest = [], []
    for option in space.to_options(space.default[None])[0, ::-1]:
        least.append(float(costs.min()))
        largest.append(float(costs.max()))
        costs = costs[..., option]
    return least[::-1], largest[::-1]
