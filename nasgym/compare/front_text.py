"""The fronts of a comparison: a part of the leaderboard, notes, columns, the exact one as CSV."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasgym.compare.csv_text import csv_text
from nasgym.compare.fronts import Fronts
from nasgym.compare.judgement import Judgement
from nasgym.compare.section import Section, interval_cell, number
from nasgym.compare.standing import Spread
from nasgym.problems.evaluation import Front

__all__ = ["front_columns", "front_csv", "front_notes", "front_section"]


def front_section(judgement: Judgement, fronts: Fronts) -> Section:
    """What the agents' fronts are worth, in the order of the standings."""
    rows: list[tuple[str, ...]] = []
    for s in judgement.standings:
        runs = judgement.of_agent(s.agent)
        volume, lacking = Spread.of(fronts.hypervolume[runs, -1]), Spread.of(fronts.igd_plus[runs])
        shown = f"{volume.mean:.4f}" if s.deterministic or s.runs == 1 else interval_cell(volume, 1.0, 4, s)
        rows.append((s.agent, shown, number(lacking.mean, 4), f"{fronts.sizes[runs].mean():.1f}"))
    return Section(("agent", "hypervolume, IQM [95 %]", "IGD+", "on front"), rows)


def front_notes(judgement: Judgement, fronts: Fronts) -> list[str]:
    """What the exact front is, where it is known, and how fronts are scaled."""
    named, notes = ", ".join(f"{o.name} ({o.direction})" for o in fronts.objectives), []
    of = "the front of everything that was found" if fronts.exact is None else "the exact front"
    if fronts.exact is not None:
        space = judgement.problem.space
        notes.append(
            f"exact front of {named}: {len(fronts.exact.archs):,} of {space.size:,} architectures (front.csv), hypervolume "
            f"{fronts.best:.4f}; answers on it: {_answers_on(judgement, fronts.exact)} runs. Rewards, and so answers, are about "
            f"{judgement.problem.quality.words}."
        )
    notes.append(
        f"hypervolume and IGD+: of all architectures on a run's front of {named}, scaled by the range of {of}, reference point 1 "
        "in each objective. IGD+ is 0 where nothing is missing."
    )
    return notes


def _answers_on(judgement: Judgement, front: Front) -> str:
    problem = judgement.problem
    best = {arch.tobytes() for arch in problem.key(front.archs)}
    there = [arch.tobytes() in best for arch in problem.key(judgement.last_archs)]
    counts = {agent: judgement.of_agent(agent) for agent in judgement.comparison.agents}
    return ", ".join(f"{agent} {sum(there[i] for i in own)} of {len(own)}" for agent, own in counts.items())


def front_columns(judgement: Judgement, run: int) -> dict[str, Any]:
    """What ``results.csv`` says of the front of a run, by its position; nothing without fronts."""
    fronts = judgement.fronts
    if fronts is None:
        return {}
    volume, lacking = float(fronts.hypervolume[run, -1]), float(fronts.igd_plus[run])
    return {"hypervolume": volume, "igd_plus": "" if np.isnan(lacking) else lacking, "front_size": int(fronts.sizes[run])}


def front_csv(judgement: Judgement) -> str | None:
    """The exact front, an architecture in each row, objectives in their own units, or None."""
    if judgement.fronts is None or judgement.fronts.exact is None:
        return None
    front, head = judgement.fronts.exact, ["arch", *(objective.name for objective in judgement.fronts.objectives)]
    texts = judgement.problem.space.to_str(front.archs)
    return csv_text(head, ([text, *values] for text, values in zip(texts, front.values.tolist(), strict=True)))
