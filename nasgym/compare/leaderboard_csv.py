"""The leaderboard, its pairs and the results of every run as CSV.

No column but the last one of ``results.csv`` depends on a clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from nasgym.compare.csv_text import blank, csv_text
from nasgym.compare.front_text import front_columns
from nasgym.compare.judgement import Judgement
from nasgym.oracles.oracle import Clock

__all__ = ["leaderboard_csv", "pairs_csv", "results_csv"]


def _by_clock(seconds: Mapping[Clock, float]) -> str:
    """Seconds with their clock, such as ``simulated:12.5``, without those that are not known."""
    return " ".join(f"{clock}:{value!r}" for clock, value in seconds.items() if not math.isnan(value))


def leaderboard_csv(judgement: Judgement) -> str:
    """The leaderboard with all digits; accuracies are fractions, what is not known is empty.

    Columns of another quality have its name, and its own unit.
    """
    rows = []
    ranks = [""] * len(judgement.standings) if judgement.ranks is None else judgement.ranks
    for rank, s in zip(ranks, judgement.standings, strict=True):
        row: dict[str, Any] = {"rank": rank, "agent": s.agent, "runs": s.runs, "deterministic": int(s.deterministic)}
        test, further = f"test_{judgement.problem.quality.name}", {f"test_{name}": spread for name, spread in s.further.items()}
        for name, spread in {test: s.test, "reward": s.reward, **further}.items():
            row |= {
                f"{name}_mean": blank(spread.mean),
                f"{name}_std": blank(spread.std),
                f"{name}_iqm": blank(spread.iqm),
                f"{name}_iqm_low": blank(spread.low),
                f"{name}_iqm_high": blank(spread.high),
            }
        row |= {
            "regret_mean": blank(s.regret),
            "regret_repeats_paid_mean": blank(s.regret_paid),
            "evaluations_to_99_percent_median": blank(s.to_near),
            "reached_99_percent_share": blank(s.reached),
            "feasible_share": s.feasible,
            "charged_mean": s.charged,
            "proposals_mean": s.proposals,
            "unseen_answers": s.unseen,
            "charged_seconds_mean": _by_clock(s.charged_seconds),
            "seconds_mean": _by_clock(s.seconds),
            "ended": " ".join(f"{why}:{count}" for why, count in s.ended.items()),
            "search_metric": judgement.problem.search_metric,
        }
        rows.append(row)
    return csv_text(tuple(rows[0]), [tuple(row.values()) for row in rows])


def pairs_csv(judgement: Judgement) -> str:
    """Every pair of agents with all digits; only the head with one agent or seed."""
    names = ("first", "second", "difference", "low", "high", "better_share", "p_value_holm")
    return csv_text(names, map(astuple, judgement.pairs))


def results_csv(judgement: Judgement) -> str:
    """One row for each run; the wall clock stands in the last column and nowhere else."""
    answers, name = judgement.answers, judgement.problem.quality.name
    rows = []
    for i, run in enumerate(judgement.runs):
        row: dict[str, Any] = {
            "agent": run.agent,
            "seed": run.seed,
            "arch": judgement.arch_texts[i],
            "reward": blank(float(run.reward[-1])),
            name: blank(float(run.accuracy[-1])),
            "evaluated": int(run.evaluated),
            "true_reward": float(judgement.true_reward[i][-1]),
            f"test_{name}": blank(float(answers.test_accuracy[i])),
            f"validation_{name}": blank(float(answers.validation_accuracy[i])),
            **{f"test_{other}": float(values[i]) for other, values in answers.qualities.items()},
        }
        row |= {name: float(cost[i]) for name, cost in answers.costs.items()}
        row |= {
            "feasible": int(answers.feasible[i]),
            "charged": run.charged,
            "proposals": run.proposals,
            "different": run.different,
            "spent": run.spent,
            "seconds": _by_clock(run.total_seconds),
            "charged_seconds": _by_clock(run.charged_seconds),
            "first_fifth_reward": blank(run.first_fifth),
            "last_fifth_reward": blank(run.last_fifth),
            "ended": run.ended,
            **front_columns(judgement, i),
            "history": run.digest,
            "wall_seconds": round(run.wall_seconds, 3),
        }
        rows.append(row)
    return csv_text(tuple(rows[0]), [tuple(row.values()) for row in rows])
