"""The exact front of a comparison whose objectives are several qualities, as lines and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from nasgym.compare.judgement import Judgement
from nasgym.errors import MissingPackage
from nasgym.problems.evaluation import Front

__all__ = ["front_csv", "front_lines"]


def _exact_front(judgement: Judgement) -> Front | None:
    """The front over means of all training seeds; None with one quality, or without exact answers.

    Raises:
        MissingPackage: moocore is not installed.
    """
    problem = judgement.problem
    several = len(problem.qualities) > 1 and len(problem.objectives) > 1
    return problem.pareto_front() if several and judgement.optimum is not None else None


def front_lines(judgement: Judgement) -> list[str]:
    """How large the front is, and how many answers of each agent lie on it; may be empty."""
    try:
        front = _exact_front(judgement)
    except MissingPackage as error:
        return [f"no exact front: {error}"]
    if front is None:
        return []
    problem = judgement.problem
    named = ", ".join(f"{objective.name} ({objective.direction})" for objective in problem.objectives)
    best = {arch.tobytes() for arch in problem.key(front.archs)}
    there = [arch.tobytes() in best for arch in problem.key(judgement.last_archs)]
    counts: Mapping[str, list[int]] = {agent: judgement.of_agent(agent) for agent in judgement.comparison.agents}
    shares = ", ".join(f"{agent} {sum(there[i] for i in own)} of {len(own)}" for agent, own in counts.items())
    return [
        f"exact front of {named}: {len(front.archs):,} of {problem.space.size:,} architectures (front.csv); answers on it: {shares} "
        f"runs. Rewards, and so answers, are about {problem.quality.words} alone."
    ]


def front_csv(judgement: Judgement) -> str | None:
    """The front, an architecture in each row, objectives in their own units; None without one."""
    try:
        front = _exact_front(judgement)
    except MissingPackage:
        return None
    if front is None:
        return None
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["arch", *(objective.name for objective in judgement.problem.objectives)])
    texts = judgement.problem.space.to_str(front.archs)
    writer.writerows([text, *values] for text, values in zip(texts, front.values.tolist(), strict=True))
    return file.getvalue()
