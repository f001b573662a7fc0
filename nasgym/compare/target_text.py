"""A comparison on a grid of targets as text and CSV."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nasgym.compare.block_interval import BLOCKS, ENOUGH_TARGETS, GridMean, covered
from nasgym.compare.common_text import as_text, identity_line, keywords_line, seeds_text, source_notes, unseen_notes, work_text
from nasgym.compare.csv_text import blank, csv_text
from nasgym.compare.fairness import fairness_notes
from nasgym.compare.section import Section, amount, number
from nasgym.compare.target_grid import GridJudgement

__all__ = [
    "grid_caveats",
    "grid_leaderboard_csv",
    "grid_pairs_csv",
    "grid_results_csv",
    "grid_sections",
    "grid_subject",
    "grid_text",
    "targets_csv",
]

DIGITS = 5


def _noun(judgement: GridJudgement) -> str:
    return "reward" if judgement.optimum is None else "regret"


def _after(judgement: GridJudgement, at: float) -> str:
    unit = " s" if judgement.comparison.budget.unit == "train_seconds" else ""
    return f"{at:,.6g}{unit}"


def _cell(one: GridMean) -> str:
    mean = number(one.mean, DIGITS)
    return mean if math.isnan(one.low) else f"{mean} [{one.low:.{DIGITS}f}, {one.high:.{DIGITS}f}]"


def grid_subject(judgement: GridJudgement) -> list[str]:
    """What was compared, in lines of text."""
    comparison, problem = judgement.comparison, judgement.problem
    targets, shares, (count, which) = comparison.targets, judgement.shares, seeds_text(comparison.seeds)
    return [
        keywords_line(comparison),
        f"{len(targets)} targets of {problem.cost_name}, from {amount(targets[0])} to {amount(targets[-1])} "
        f"({100 * shares[0]:.4g} to {100 * shares[-1]:.4g} % of its range); {count} at each ({which})",
        work_text(comparison, problem),
        identity_line(comparison),
    ]


def grid_sections(judgement: GridJudgement) -> list[Section]:
    """The leaderboard; what it was at the earlier checkpoints; how far the first one is ahead."""
    *earlier, last = range(len(judgement.at))
    ranks = [] if judgement.ranks is None else [str(rank) for rank in judgement.ranks]
    known, rows = judgement.optimum is not None, []
    for place, s in enumerate(judgement.standings):
        shares = (f"{100 * s.feasible:.0f} %", *(() if s.found is None else (f"{100 * s.found:.0f} %",)))
        rows.append((*ranks[place : place + 1], s.agent, _cell(s.regret[-1]), *shares, str(s.seeds)))
    heads = [f"{_noun(judgement)} after {_after(judgement, at)}" for at in judgement.at]
    named = ("feasible", *(["optimum"] if known else []), "seeds")
    ahead = [_ahead(judgement, i) for i in range(len(judgement.at)) if judgement.pairs[i]]
    return [
        Section((*(["rank"] if ranks else []), "agent", heads[last], *named), rows),
        *(Section(("agent", heads[i]), [(s.agent, _cell(s.regret[i])) for s in judgement.standings]) for i in earlier),
        *ahead,
    ]


def _ahead(judgement: GridJudgement, checkpoint: int) -> Section:
    """How far the first agent of a checkpoint is ahead of the others."""
    pairs = judgement.pairs[checkpoint]
    first = pairs[0].first
    rows: list[tuple[str, ...]] = [(first, "-", "-", "-")]
    for one in pairs:
        if one.first == first:
            lead = f"{one.difference:.{DIGITS}f} [{one.low:.{DIGITS}f}, {one.high:.{DIGITS}f}]"
            rows.append((one.second, lead, f"{100 * one.better:.0f} %", f"{one.p_value:.3g}"))
    return Section(("agent", f"lead of the first after {_after(judgement, judgement.at[checkpoint])}", "at", "p (Holm)"), rows)


def grid_caveats(judgement: GridJudgement) -> list[str]:
    """What a reader must know to read the numbers."""
    comparison, problem = judgement.comparison, judgement.problem
    count = len(comparison.targets)
    notes = [*source_notes(judgement, shown=f"{_noun(judgement)}s"), *unseen_notes(judgement)]
    if problem.fixed:
        notes.append("No noise: an architecture that is evaluated again gives the same number (--set seed=sampled draws one).")
    if judgement.optimum is None:
        notes.append(f"No regret: {judgement.no_optimum} Rewards of different targets are averaged as they are.")
    else:
        notes.append(
            "regret: what the reward of the answer lacks to the best reward at that target, after a third, two thirds and all of the "
            "budget; an agent that ended earlier keeps its answer. optimum: share of the searches that ended with one."
        )
    notes.append(
        "rewards are means over training seeds, by the oracle that reports. A value at a target is the mean over the agent's seeds "
        "there; means and intervals are over targets. Seeds differ from target to target (search_seed in results.csv)."
    )
    if count >= ENOUGH_TARGETS:
        notes.append(
            f"Neighbouring targets are alike (often one optimum holds for several), so an interval of 95 % is Student's over "
            f"{BLOCKS} blocks of neighbouring targets, and so is p, corrected by Holm for all pairs. It is about other targets of this "
            f"range, with as many seeds. Of {count} targets it holds the true mean {covered(count)} times in a hundred, the fewer the "
            "longer neighbours are alike (benchmarks/target_coverage.md)."
        )
        if len(judgement.standings) > 1:
            notes.append(
                "rank: agents share one unless the lead of the first of it has an interval above 0 after the whole budget. lead: mean "
                "over the targets; at: share of the targets at which the first is better, equal ones as half."
            )
    else:
        notes.append(f"{count} targets are too few for an interval, and agents are not ranked; give {ENOUGH_TARGETS} or more.")
    if comparison.alike and len(comparison.seeds) > 1:
        names = ", ".join(agent for agent in comparison.agents if agent in comparison.alike)
        notes.append(f"draws nothing, so that one seed says all: {names}.")
    return notes + fairness_notes(judgement)


def grid_text(judgement: GridJudgement) -> str:
    """The leaderboard as plain text; equal comparisons give equal bytes."""
    return as_text(judgement, grid_subject(judgement), grid_sections(judgement), {"Notes": grid_caveats(judgement)})


def _spread(name: str, one: GridMean) -> dict[str, Any]:
    return {f"{name}_mean": blank(one.mean), f"{name}_low": blank(one.low), f"{name}_high": blank(one.high)}


def grid_leaderboard_csv(judgement: GridJudgement) -> str:
    """The leaderboard with all digits."""
    noun, rows = _noun(judgement), []
    ranks = [""] * len(judgement.standings) if judgement.ranks is None else judgement.ranks
    for rank, s in zip(ranks, judgement.standings, strict=True):
        row: dict[str, Any] = {"rank": rank, "agent": s.agent, "targets": len(judgement.shares), "seeds": s.seeds}
        for at, one in zip(judgement.at, s.regret, strict=True):
            row |= _spread(f"{noun}_at_{at:g}", one)
        rows.append(row | {"feasible_share": s.feasible, "optimum_share": blank(s.found)})
    return csv_text(tuple(rows[0]), [tuple(row.values()) for row in rows])


def grid_pairs_csv(judgement: GridJudgement) -> str:
    """Every pair of agents at every checkpoint; only the head with one agent or few targets."""
    names = ("at", "first", "second", "difference", "low", "high", "better_share", "p_value_holm")
    rows = [
        (f"{at:g}", one.first, one.second, one.difference, one.low, one.high, one.better, one.p_value)
        for at, pairs in zip(judgement.at, judgement.pairs, strict=True)
        for one in pairs
    ]
    return csv_text(names, rows)


def targets_csv(judgement: GridJudgement) -> str:
    """One row for each agent and target."""
    noun, rows = _noun(judgement), []
    head = ("agent", "target", "range_share", "seeds", "optimum")
    ends = ("feasible_share", "optimum_share")
    for agent in judgement.comparison.agents:
        means, found = judgement.by_target(agent).mean(axis=1), judgement.found(agent)
        for i, (target, share) in enumerate(zip(judgement.comparison.targets, judgement.shares.tolist(), strict=True)):
            best = "" if judgement.optimum is None else float(judgement.optimum[i])
            there = "" if found is None else float(found[i].mean())
            seeds, feasible = judgement.reward[agent].shape[1], float(judgement.feasible[agent][i].mean())
            rows.append((agent, target, share, seeds, best, *map(blank, means[i].tolist()), feasible, there))
    return csv_text((*head, *(f"{noun}_at_{at:g}" for at in judgement.at), *ends), rows)


def grid_results_csv(judgement: GridJudgement) -> str:
    """One row for each run; the wall clock stands in the last column and nowhere else."""
    comparison, space = judgement.comparison, judgement.problem.space
    texts = space.to_str(np.stack([run.archs[-1] for run in judgement.runs]))
    place = {target: i for i, target in enumerate(comparison.targets)}
    rows = []
    for search, run, text in zip(comparison.searches, judgement.runs, texts, strict=True):
        assert search.target is not None, "a grid has targets"
        cell = place[search.target], comparison.seeds_of(search.agent).index(search.seed)
        rewards = judgement.reward[search.agent][cell].tolist()
        feasible = int(judgement.feasible[search.agent][cell])
        seen = (search.agent, search.target, search.seed, search.drawn_seed, text, *map(blank, rewards), feasible)
        rows.append((*seen, run.charged, run.proposals, run.spent, run.ended, run.digest, round(run.wall_seconds, 3)))
    head = ("agent", "target", "seed", "search_seed", "arch", *(f"true_reward_at_{at:g}" for at in judgement.at), "feasible")
    return csv_text((*head, "charged", "proposals", "spent", "ended", "history", "wall_seconds"), rows)
