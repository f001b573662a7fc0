"""What the nondominated architectures of searches are worth: hypervolume and IGD+, by moocore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasgym.compare.run_result import RunResult
from nasgym.problems.evaluation import Front, Objective, nondominated
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Floats, Ints

__all__ = ["FrontScale", "Fronts", "judge_fronts"]

REFERENCE = 1.0
CHECKPOINTS = 100
FAR = 1e9


@dataclass(frozen=True)
class FrontScale:
    """Objectives as shares of a front's range, all to be minimised.

    0 is the front's best value of an objective, 1 its worst; the reference point of the hypervolume
    is 1 in each. What lies beyond it in some objective adds nothing.

    Attributes:
        best, worst: ``(k,)`` in the objectives' own units.
    """

    best: Floats
    worst: Floats

    @classmethod
    def of(cls, front: Floats, objectives: Sequence[Objective]) -> FrontScale:
        """The scale of a front of ``(n, k)`` values."""
        low, high = front.min(axis=0), front.max(axis=0)
        large = np.array([objective.direction == "max" for objective in objectives])
        return cls(np.where(large, high, low), np.where(large, low, high))

    def scaled(self, values: Floats) -> Floats:
        """``(n, k)`` shares from values in the objectives' own units.

        An objective that is the same on all of the front counts as 0 there, and anything worse as
        far beyond the reference.
        """
        span = self.worst - self.best
        shares = (values - self.best) / np.where(span == 0, 1.0, span)
        return np.where((span == 0) & (values != self.best), FAR, shares)


@dataclass(frozen=True)
class Fronts:
    """The fronts of a comparison.

    Attributes:
        objectives: What the fronts are of.
        scale: How objectives are scaled.
        exact: The exact front, None where that is not known.
        best: Its hypervolume, None likewise.
        at: ``(c,)`` charged evaluations at which hypervolumes are known.
        hypervolume: ``(runs, c)`` of what each run had found by then.
        igd_plus: ``(runs,)`` of the last fronts, against the exact front or that of everything
            found, by the objectives that vary there: 0 where nothing is missing, NaN where nothing
            was evaluated or none varies.
        sizes: ``(runs,)`` architectures on the last fronts.
    """

    objectives: tuple[Objective, ...]
    scale: FrontScale
    exact: Front | None
    best: float | None
    at: Ints
    hypervolume: Floats
    igd_plus: Floats
    sizes: Ints


def judge_fronts(problem: Problem, runs: Sequence[RunResult]) -> Fronts | None:
    """Fronts of what the runs evaluated, by the oracle that reports; None where none were kept.

    What a search kept it chose by what it saw; what that is worth is looked up as answers are:
    means over training seeds at the search fidelity.

    Raises:
        InvalidValue: Networks are trained or timed live.
    """
    if any(run.archive is None for run in runs):
        return None
    truth, objectives = problem.reporting, problem.objectives
    large = [objective.direction == "max" for objective in objectives]
    exact = truth.pareto_front() if truth.has_exact_answers else None
    values = []
    for run in runs:
        assert run.archive is not None, "looked at above"
        values.append(truth.mean_evaluations(run.archive.archs).values(objectives))
    found = np.concatenate(values)
    if exact is None and len(found) == 0:
        return None
    front = found[nondominated(found, large)] if exact is None else exact.values
    scale = FrontScale.of(front, objectives)
    reference = scale.scaled(np.unique(front, axis=0))
    last = max(1, *(run.charged for run in runs))
    at = np.unique(np.linspace(1, last, min(last, CHECKPOINTS)).round().astype(np.int64))
    rows = [_curve(scale.scaled(own), run, at) for own, run in zip(values, runs, strict=True)]
    lasting = [scale.scaled(own[nondominated(own, large)]) if len(own) else own for own in values]
    varies = scale.best != scale.worst
    return Fronts(
        objectives=objectives,
        scale=scale,
        exact=exact,
        best=None if exact is None else _hypervolume(reference),
        at=at,
        hypervolume=np.stack(rows),
        igd_plus=np.array([_igd_plus(own[:, varies], reference[:, varies]) for own in lasting]),
        sizes=np.array([len(np.unique(own, axis=0)) for own in lasting]),
    )


def _curve(scaled: Floats, run: RunResult, at: Ints) -> Floats:
    """``(c,)`` hypervolume of what a run had found by each checkpoint."""
    assert run.archive is not None, "fronts are judged where archives were kept"
    counts = np.searchsorted(run.archive.evaluations, at, side="right")
    known: dict[int, float] = {0: 0.0}
    for count in np.unique(counts).tolist():
        known[count] = _hypervolume(scaled[:count]) if count else 0.0
    return np.array([known[count] for count in counts.tolist()])


def _hypervolume(scaled: Floats) -> float:
    from moocore import hypervolume

    return float(hypervolume(scaled, ref=np.full(scaled.shape[1], REFERENCE)))


def _igd_plus(scaled: Floats, reference: Floats) -> float:
    """NaN where there is nothing to compare: no architecture, or no objective that varies."""
    from moocore import igd_plus

    if scaled.size == 0:
        return float("nan")
    return float(igd_plus(scaled, ref=reference))
