"""LayerNAS: dynamic programming over layers, with the best candidates in buckets of equal cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from nasgym.agents.agent import Agent
from nasgym.agents.disclosure import Disclosure
from nasgym.agents.layernas_steps import (
    Candidate,
    Cut,
    Filter,
    Step,
    least_costs,
    make_steps,
    reachable_costs,
    stopped_by,
    wanted_costs,
)
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.ledger import Ledger
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["LayerNAS"]

Select: TypeAlias = Literal["best", "uniform", "softmax"]
BucketBy: TypeAlias = Literal["cost", "least-cost", "options"]
Key: TypeAlias = tuple[Any, ...]  # of a bucket; sorts by cost, or by options


@dataclass
class LayerNAS(Agent):
    """LayerNAS (Fan et al., 2304.11517).

    The paper is "LayerNAS: Neural Architecture Search in Polynomial Complexity".

    A candidate of layer l is a whole network: its first l layers are chosen, the later ones have
    the space's default option (by convention the most expensive). A visit to layer l takes a
    candidate, gives its layer l + 1 every option, evaluates these children and keeps the most
    accurate one of each cost bucket. Then it goes on to the next layer, and from the last one back
    to the first, until no candidate has an option left to try. It compares accuracies; the
    constraint is kept by never evaluating a child none of whose completions can meet it.

    Neither official code nor the full paper was at hand. Structure, buckets and filter follow the
    announcement's pseudo code and reviews of the paper. The loop sizes `searches` and `children`,
    the bucket formula and the way back to the first layer are remembered or inferred. How a
    candidate is taken is not documented anywhere.

    In a space with stops each stop is a layer, too. A child that stops is evaluated and complete;
    it takes no place in a bucket, where it would compete with candidates that go on.

    Ties: among equal accuracies the lower bucket goes first, then what came earlier; in a full
    bucket the earlier one stays. Without a constraint nothing is filtered out. The result is the
    evaluated network with the best reward, as everywhere: with a rule that lets a broken constraint
    go unpunished (``"accuracy"``) it may be one whose later layers were still at default.

    Attributes:
        buckets: H, cost groups of equal width between the cheapest and the most expensive network
            that the layer can reach; 100 in all published experiments.
        per_bucket: K, candidates kept in a bucket; 1 is the announcement's rule, the paper keeps
            several (number unknown).
        searches: R, candidates expanded in a visit to a layer; None means as long as there is one.
        children: T, options tried of each, drawn at random; None means all, in the order of the
            space.
        select: ``"best"``: the most accurate candidate that has an option left; ``"uniform"``: a
            uniform bucket, then its most accurate one; ``"softmax"``: with probability proportional
            to exp(accuracy / temperature).
        temperature: Of ``"softmax"``, in units of accuracy (fractions); of another quality, in
            widths of its range.
        bucket_by: ``"cost"``: the problem's primary cost; ``"least-cost"``: the least cost of all
            completions of the chosen layers, and the buckets lie between the cheapest network and
            the constraint, so that none is wasted on what is filtered out (for limits far below the
            most expensive network; this library's); ``"options"``: networks whose chosen layers
            hold the same options in any order share a bucket (for topologies, and for problems
            without a cost; `buckets` is not used).
        cut: ``"layers"``: of the space; ``"decisions"``: each decision is a layer (for spaces with
            layers of many options, which would use up the budget; this library's). The programme is
            exact for sums over layers, so a cut within one costs exactness.
    """

    name: ClassVar[str] = "layernas"
    buckets: int = 100
    per_bucket: int = 1
    searches: int | None = 1
    children: int | None = None
    select: Select = "best"
    temperature: float = 0.01
    bucket_by: BucketBy = "cost"
    cut: Cut = "layers"

    def __post_init__(self) -> None:
        for name in ("buckets", "per_bucket", "searches", "children"):
            value = getattr(self, name)
            if not (value is None and name in ("searches", "children")) and (value is None or value < 1):
                raise InvalidValue(f"{name} must be at least 1, got {value!r}.")
        if self.select not in get_args(Select):
            raise unknown_name("select of layernas", self.select, get_args(Select))
        if self.bucket_by not in get_args(BucketBy):
            raise unknown_name("bucket_by of layernas", self.bucket_by, get_args(BucketBy))
        if self.cut not in get_args(Cut):
            raise unknown_name("cut of layernas", self.cut, get_args(Cut))
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise InvalidValue(f"temperature must be a positive number, got {self.temperature!r}.")

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        return Disclosure(
            tuning=(
                "select was chosen on NAS-Bench-Macro by its test accuracy (the table has no other); 100 buckets are the paper's "
                "(2304.11517), one candidate in each is its announcement's (the paper keeps several, number unknown), the loop sizes are "
                "inferred"
            ),
            settings="3 (of select)",
            choices="legal",
            over_limit="filtered",
            reads_costs=True,
            learns_from="accuracies",
        )

    @property
    def draws(self) -> bool:
        """Only candidates that are not the best, and options where some are left out, are drawn."""
        return self.select != "best" or self.children is not None

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        layers, self._span = make_steps(ledger.space, self.cut), ledger.quality.span
        bucketize = self._bucketize(ledger, layers)
        filters = Filter(ledger, layers)
        known: dict[bytes, float] = {}
        memo: list[dict[Key, list[Candidate]]] = [{} for _ in range(len(layers) + 1)]
        memo[0][()] = [Candidate(ledger.space.default, accuracy=0.0)]  # the only one of its layer: nothing to compare
        expanded = True
        while expanded:
            expanded = False
            for layer in range(len(layers)):
                visits = 0
                while self.searches is None or visits < self.searches:
                    parent = self._select(memo[layer], layer, filters, rng)
                    if parent is None:
                        break
                    children = self._apply_options(ledger.space, parent, layers[layer], rng)
                    accuracies = _accuracies(ledger, known, children)
                    # what has stopped is complete: nothing is left to choose for it
                    going = ~stopped_by(ledger.space, children, layers[layer])
                    for child, accuracy, key, on in zip(children, accuracies, bucketize(layer, children), going, strict=True):
                        if on:
                            self._keep(memo[layer + 1].setdefault(key, []), Candidate(child, accuracy))
                    visits += 1
                    expanded = True

    def _select(
        self, kept: dict[Key, list[Candidate]], layer: int, filters: Filter, rng: np.random.Generator
    ) -> Candidate | None:
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
            weight = np.exp((accuracy - accuracy.max()) / (self.temperature * self._span))
            return eligible[rng.choice(len(eligible), p=weight / weight.sum())]
        first = [next((c for c in kept[key] if c.untried), None) for key in sorted(kept)]
        heads = [candidate for candidate in first if candidate is not None]
        return heads[rng.integers(len(heads))]

    def _apply_options(self, space: SearchSpace, parent: Candidate, step: Step, rng: np.random.Generator) -> Archs:
        """``(t, D)`` the next children of a candidate; their options count as tried."""
        assert parent.untried, "only candidates with an option left are taken"
        if self.children is None or self.children >= len(parent.untried):
            tried = parent.untried
        else:
            tried = sorted(rng.choice(parent.untried, self.children, replace=False).tolist())
        parent.untried = [option for option in parent.untried if option not in tried]
        children = np.repeat(parent.arch[None], len(tried), axis=0)
        children[:, step.columns.start :] = step.fill
        children[:, step.columns] = step.options[tried]
        return space.clear_inactive(children)

    def _keep(self, bucket: list[Candidate], child: Candidate) -> None:
        """Puts a child into its bucket, which keeps the `per_bucket` most accurate, best first."""
        bucket.append(child)
        bucket.sort(key=lambda candidate: -candidate.accuracy)  # stable: of equals the earlier one goes first
        del bucket[self.per_bucket :]

    def _bucketize(self, ledger: Ledger, layers: Sequence[Step]) -> Callable[[int, Archs], list[Key]]:
        """What gives the bucket of each child of a layer."""
        if self.bucket_by == "options":
            parts = [step.columns for step in layers]
            return lambda layer, children: [
                tuple(sorted(row[part].tobytes() for part in parts[: layer + 1])) for row in children
            ]
        if ledger.cost_name is None:
            raise InvalidValue(
                "layernas groups candidates by cost, and this problem has none; give the problem a cost=..., or the agent "
                "bucket_by='options'."
            )
        if not ledger.free_costs:
            raise InvalidValue(
                f"layernas groups candidates by cost between exact bounds, and {ledger.cost_name} is measured during the search, "
                "so it has none; give the agent bucket_by='options'."
            )
        name = ledger.cost_name
        if self.bucket_by == "least-cost":
            low, high = wanted_costs(ledger)
            return lambda layer, children: self._groups(least_costs(ledger, children, layers[layer].columns.stop), low, high)
        least, largest = reachable_costs(ledger, layers)
        return lambda layer, children: self._groups(ledger.costs(children)[name], least[layer], largest[layer])

    def _groups(self, costs: Floats, low: float, high: float) -> list[Key]:
        """The groups of costs, `buckets` of equal width from low to high."""
        place = (costs - low) / ((high - low) / self.buckets or 1.0)
        return [(int(bucket),) for bucket in np.clip(np.floor(place), 0, self.buckets - 1)]


def _accuracies(ledger: Ledger, known: dict[bytes, float], archs: Archs) -> list[float]:
    """``(N,)`` accuracies, of another quality its worth, of which more is better.

    A network that was evaluated before is not evaluated again.
    """
    keys = [row.tobytes() for row in archs]
    new = [row for row, key in enumerate(keys) if key not in known]
    if new:
        found = ledger.quality.worth(ledger.evaluate(archs[new]).accuracy).tolist()
        known.update(zip((keys[row] for row in new), found, strict=True))
    return [known[key] for key in keys]
