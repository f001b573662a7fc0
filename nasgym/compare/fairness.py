"""Fairness as a table: what was tuned for each agent, what it knows, and what it pays for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from nasgym.agents.disclosure import NOT_STATED
from nasgym.compare.comparison import Comparison
from nasgym.compare.csv_text import csv_text
from nasgym.compare.entrant import Entrant
from nasgym.compare.section import Section, number
from nasgym.oracles.oracle import Clock
from nasgym.problems.problem import Problem

__all__ = ["fairness_csv", "fairness_notes", "fairness_section", "tuning_lines"]

HEAD = ("agent", "choices", "over the limit", "reads costs", "learns from", "repeats", "seconds", "settings tried")


class Line(Protocol):
    """What a leaderboard's line knows of an agent: see `nasgym.compare.standing.Standing`."""

    @property
    def agent(self) -> str: ...
    @property
    def proposals(self) -> float: ...
    @property
    def different(self) -> float: ...
    @property
    def charged_seconds(self) -> Mapping[Clock, float]: ...


class Judged(Protocol):
    """What was compared, with a line for each agent: a `Judgement`, or one on a grid of targets."""

    @property
    def comparison(self) -> Comparison: ...
    @property
    def problem(self) -> Problem: ...
    @property
    def standings(self) -> Sequence[Line]: ...


def fairness_section(judgement: Judged) -> Section:
    """What each agent knows, what it pays for, and how many settings were tried for it."""
    return Section(HEAD, [(standing.agent, *_cells(judgement, standing)) for standing in judgement.standings])


def tuning_lines(judgement: Judged) -> list[tuple[str, str]]:
    """Where each agent's settings come from, and which were set here, as (agent, text)."""
    return [(name, f"{entrant.disclosure.tuning}{_set_here(entrant)}.") for name, entrant in _entrants(judgement)]


def fairness_notes(judgement: Judged) -> list[str]:
    """What the columns mean."""
    noun = "charged" if not judgement.comparison.budget.repeats_free else "free under this budget"
    notes = [
        "over the limit: what becomes of an architecture that the constraint rules out: evaluated; rejected, that is, never "
        "evaluated; or filtered: evaluated where it may lead to one that meets the limit. reads costs: asks for costs or their "
        f"bounds without an evaluation. repeats: mean number of proposals that had been evaluated before, {noun}. seconds: charged "
        f"beside evaluations. {NOT_STATED}: the agent does not say (`Agent.disclose`).",
    ]
    if judgement.problem.constraint is not None and judgement.problem.free_costs:
        evaluating = [name for name, one in _entrants(judgement) if one.disclosure.over_limit == "evaluated"]
        others = [name for name, one in _entrants(judgement) if one.disclosure.over_limit in ("rejected", "filtered")]
        if evaluating and others:
            asked = any(one.fair or one.kept for _, one in _entrants(judgement))
            notes.append(
                f"costs are free here, and {', '.join(evaluating)} pay{'s' if len(evaluating) == 1 else ''} for architectures over the "
                f"limit, which {', '.join(others)} leave{'s' if len(others) == 1 else ''} out; --fair "
                + (
                    "changes nothing that was set by hand, or that an agent does not have."
                    if asked
                    else "gives every agent that can do it rejection or feasible masks."
                )
            )
    return notes


def fairness_csv(judgement: Judged) -> str:
    """The table with the tuning of each agent and what was set, a row for each agent."""
    head = [*(name.replace(" ", "_") for name in HEAD), "tuning", "set_here", "set_by_fair", "kept_from_fair"]
    entrants, rows = dict(_entrants(judgement)), []
    for standing in judgement.standings:
        entrant = entrants[standing.agent]
        facts = (entrant.disclosure.tuning, _values(entrant.changed), " ".join(entrant.fair), " ".join(entrant.kept))
        rows.append([standing.agent, *_cells(judgement, standing), *facts])
    return csv_text(head, rows)


def _entrants(judgement: Judged) -> Iterator[tuple[str, Entrant]]:
    """Agents as they entered, best first; one that was not planned says nothing."""
    for standing in judgement.standings:
        yield standing.agent, judgement.comparison.entrants.get(standing.agent, Entrant())


def _cells(judgement: Judged, standing: Line) -> tuple[str, ...]:
    said = judgement.comparison.entrants.get(standing.agent, Entrant()).disclosure
    problem = judgement.problem
    over = said.over_limit or NOT_STATED
    if problem.constraint is None:
        over = "no limit"
    elif over == "rejected" and not problem.free_costs:
        over = "evaluated"
    reads = NOT_STATED if said.reads_costs is None else "yes" if said.reads_costs else "no"
    repeated = standing.proposals - standing.different
    repeats = f"{number(repeated, 1)} {'free' if judgement.comparison.budget.repeats_free else 'paid'}"
    seconds = " ".join(f"{amount:.1f} {clock}" for clock, amount in standing.charged_seconds.items()) or "none"
    return said.choices, over, reads, said.learns_from, repeats, seconds, said.settings


def _values(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def _set_here(entrant: Entrant) -> str:
    """What differs from the defaults, and what of it ``--fair`` did or left alone."""
    own = {name: value for name, value in entrant.changed.items() if name not in entrant.fair}
    fair = {name: value for name, value in entrant.changed.items() if name in entrant.fair}
    parts = [
        f"set here: {_values(own)}" if own else "",
        f"set by --fair: {_values(fair)}" if fair else "",
        f"left by --fair as the user set it: {', '.join(entrant.kept)}" if entrant.kept else "",
    ]
    return "".join(f"; {part}" for part in parts if part)
