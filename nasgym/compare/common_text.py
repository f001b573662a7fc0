"""What the texts of every comparison share, on a grid of targets or without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from nasgym.compare.comparison import Comparison
from nasgym.compare.fairness import Judged, fairness_section, tuning_lines
from nasgym.compare.run_result import RunResult
from nasgym.compare.section import Section
from nasgym.problems.problem import Problem
from nasgym.quality import ACCURACY

__all__ = [
    "aligned",
    "as_text",
    "identity_line",
    "keywords_line",
    "seeds_text",
    "source_notes",
    "unseen_notes",
    "work_text",
]


class HasRuns(Judged, Protocol):
    """What was compared, with every run: a `Judgement`, or one on a grid of targets."""

    @property
    def runs(self) -> Sequence[RunResult]: ...


def keywords_line(comparison: Comparison) -> str:
    """The id and what was set for it."""
    keywords = ", ".join(f"{key}={value!r}" for key, value in comparison.keywords.items()) or "default keywords"
    return f"{comparison.env_id}, {keywords}"


def work_text(comparison: Comparison, problem: Problem) -> str:
    """What is maximised, and what each search may spend."""
    metric = "validation" if problem.search_metric == "validation" else "TEST"
    budget = comparison.budget
    return (
        f"reward {problem.rule.name!r}, search metric {metric} at {problem.search_fidelity} epochs; "
        f"budget {budget.amount:g} {budget.unit.replace('_', ' ')}{'' if budget.unit == 'train_seconds' else ' evaluations'}"
    )


def identity_line(comparison: Comparison) -> str:
    """Fingerprints and version."""
    return f"problem {comparison.problem}, comparison {comparison.fingerprint}, nasgym {comparison.version}"


def seeds_text(seeds: Sequence[int]) -> tuple[str, str]:
    """How many seeds there are and which: ``("5 seeds", "0 to 4")``; all where they have gaps."""
    follow = list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    which = f"{seeds[0]} to {seeds[-1]}" if follow else ", ".join(map(str, seeds))
    return f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}", which


def source_notes(judgement: HasRuns, *, shown: str) -> list[str]:
    """What a reader must know of the numbers' sources.

    Args:
        judgement: The comparison with its results.
        shown: Which numbers stand above, where another oracle reports them than was searched with.
    """
    problem, notes = judgement.problem, []
    quality, reported = problem.quality, problem.report_accuracy
    if problem.search_metric == "test":
        notes.append(
            f"The table has no validation {quality.plural}: the searches saw TEST {quality.plural} (search_metric=test), so the "
            "numbers above are optimistic."
        )
    if quality != ACCURACY:
        notes.append(f"{quality.about}.{' Rewards have its sign turned: more is better.' if quality.minimised else ''}")
    answers = np.stack([run.archs[-1] for run in judgement.runs])
    notes += [one if reported is None else f"the search: {one}" for one in problem.accuracy.notes(answers)]
    if reported is not None:
        notes += [f"what is reported: {one}" for one in reported.notes(answers)]
    for cost in problem.cost_oracles.values():
        notes += cost.notes(answers)
    if reported is not None:
        notes.append(
            f"what the search saw and what is reported come from different oracles: {shown} above are by the one that reports, which "
            "no search reached."
        )
    return notes


def unseen_notes(judgement: HasRuns) -> list[str]:
    """Which agents recommended answers that they had not evaluated, best first."""
    notes = []
    for standing in judgement.standings:
        own = [run for run in judgement.runs if run.agent == standing.agent]
        if unseen := sum(not run.evaluated for run in own):
            notes.append(
                f"{standing.agent} recommended its answer without having evaluated it in {unseen} of {len(own)} runs; rewards of "
                "such answers were looked up or measured after the search."
            )
    return notes


def aligned(section: Section) -> list[str]:
    """The lines of a section, its columns below each other."""
    table = [section.head, *section.rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(section.head))]
    lines = []
    for row in table:
        cells = [t.ljust(w) if section.is_left(i) else t.rjust(w) for i, (t, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def as_text(
    judgement: Judged, subject: Sequence[str], sections: Sequence[Section], further: Mapping[str, Sequence[str]]
) -> str:
    """A leaderboard as plain text, with fairness and tuning; `further` are lines by their title."""
    blocks = [
        subject,
        *map(aligned, sections),
        ["Fairness", *aligned(fairness_section(judgement))],
        ["How they were tuned", *(f"  {agent}: {text}" for agent, text in tuning_lines(judgement))],
        *([title, *(f"  {line}" for line in lines)] for title, lines in further.items()),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"
