"""The leaderboard as text."""

from __future__ import annotations

import math

from nasgym.compare.common_text import as_text, identity_line, keywords_line, seeds_text, source_notes, unseen_notes, work_text
from nasgym.compare.fairness import fairness_notes
from nasgym.compare.front_text import front_notes, front_section
from nasgym.compare.intervals import ENOUGH_RUNS, FEW_RUNS, RANKED_RUNS
from nasgym.compare.judgement import Judgement
from nasgym.compare.section import Section, interval_cell, mean_cell
from nasgym.compare.standing import Spread, Standing, near_size
from nasgym.oracles.oracle import Clock
from nasgym.problems.problem import Problem
from nasgym.quality import ACCURACY, Quality

__all__ = ["caveats", "ceiling_lines", "leaderboard_text", "sections", "subject"]


def sections(judgement: Judgement) -> list[Section]:
    """The leaderboard in parts that fit a terminal.

    Without an optimum the columns that need it are absent; without further qualities, or with one
    agent or seed, a part is.
    """
    qualities = judgement.problem.qualities
    name, *others = qualities
    quality, known = qualities[name], judgement.optimum is not None
    clocks = _charged_clocks(judgement)
    answers: list[tuple[str, ...]] = []
    further: list[tuple[str, ...]] = []
    rewards: list[tuple[str, ...]] = []
    efforts: list[tuple[str, ...]] = []
    ranks = [] if judgement.ranks is None else [str(rank) for rank in judgement.ranks]
    for place, s in enumerate(judgement.standings):
        test = _test_cells(s.test, quality, s)
        further.append((s.agent, *(_test_cells(s.further[other], qualities[other], s)[0] for other in others)))
        answers.append((*ranks[place : place + 1], s.agent, *test, f"{100 * s.feasible:.0f} %"))
        reward = (s.agent, mean_cell(s.reward, 1.0, 4, s.deterministic), interval_cell(s.reward, 1.0, 4, s))
        rewards.append(reward if s.regret is None else (*reward, f"{s.regret:.5f}"))
        ended = ", ".join(why if count == s.runs else f"{why} {count}" for why, count in s.ended.items())
        near: tuple[str, ...] = ()
        if s.to_near is not None and s.reached is not None:
            near = ("-" if math.isinf(s.to_near) else f"{s.to_near:g}", f"{100 * s.reached:.0f} %")
        charged = tuple(f"{s.charged_seconds.get(clock, 0.0):.1f}" for clock in clocks)
        proposed = (f"{s.proposals:.1f}",) if judgement.comparison.budget.repeats_free else ()
        paid = () if s.regret_paid is None else (f"{s.regret_paid:.5f}",)
        efforts.append((s.agent, f"{s.charged:.1f}", *proposed, *charged, *near, *paid, ended))
    heads = [_test_head(other, qualities[other]) for other in others]
    return [
        Section(
            (*(["rank"] if ranks else []), "agent", _test_head(name, quality, searched=True), "IQM [95 %]", "feasible"), answers
        ),
        *([Section(("agent", *heads), further)] if others else []),
        Section(("agent", "reward", "IQM [95 %]", "regret")[: 4 if known else 3], rewards),
        *([] if judgement.fronts is None else [front_section(judgement, judgement.fronts)]),
        *([_against_the_first(judgement)] if len(judgement.standings) > 1 and judgement.pairs else []),
        Section(
            (
                *(
                    "agent",
                    "evaluations",
                    *(["proposals"] if judgement.comparison.budget.repeats_free else []),
                    *(f"{c} s" for c in clocks),
                ),
                *(("to 99 %", "got there") if known else ()),
                *(["regret, repeats paid"] if known and judgement.comparison.budget.repeats_free else []),
                "ended",
            ),
            efforts,
        ),
    ]


def _against_the_first(judgement: Judgement) -> Section:
    """How much less than the first agent each other one has, seed by seed."""
    first = judgement.standings[0].agent
    rows: list[tuple[str, ...]] = []
    for one in judgement.pairs:
        if one.first == first:
            difference = f"{one.difference:.5f} [{one.low:.5f}, {one.high:.5f}]"
            rows.append((one.second, difference, f"{100 * one.better:.0f} %", f"{one.p_value:.3g}"))
    return Section(("agent", f"{first} has more reward by", "with", "p (Holm)"), rows)


def _test_cells(spread: Spread, quality: Quality, standing: Standing) -> tuple[str, str]:
    scale, digits = quality.scale, quality.digits
    return mean_cell(spread, scale, digits, standing.deterministic), interval_cell(spread, scale, digits, standing)


def _test_head(name: str, quality: Quality, *, searched: bool = False) -> str:
    """``"test %"`` for the accuracy that is searched; others have their name in it."""
    named = "" if searched and name == ACCURACY.name else name.replace("_", " ")
    return " ".join(filter(None, ["test", named, quality.shown_unit]))


def _charged_clocks(judgement: Judgement) -> list[Clock]:
    """The clocks of seconds that agents charged beside their evaluations."""
    return list(dict.fromkeys(clock for s in judgement.standings for clock in s.charged_seconds))


def subject(judgement: Judgement) -> list[str]:
    """What was compared, in lines of text."""
    comparison = judgement.comparison
    count, which = seeds_text(comparison.seeds)
    return [
        keywords_line(comparison),
        f"{work_text(comparison, judgement.problem)}; {count} ({which})",
        identity_line(comparison),
    ]


def ceiling_lines(judgement: Judgement) -> list[str]:
    """The noise ceiling, in lines of text."""
    ceiling, quality = judgement.ceiling, judgement.problem.quality
    if ceiling is None:
        if judgement.optimum is not None:
            return [f"No noise ceiling: there are no test {quality.plural}."]
        return [f"No noise ceiling and no regret: {judgement.no_optimum}"]
    agreement = "not known, the table has one training seed"
    if judgement.problem.reporting.accuracy.predicted:
        agreement = f"not known, {quality.plural} are predicted"
    if ceiling.rank_agreement is not None:
        agreement = f"{ceiling.rank_agreement:.3f}"
    return [
        f"Rank correlation of two training seeds (Spearman): {agreement}",
        f"Test {quality.words} of the architecture with the best reward, what a perfect search reports: {quality.text(ceiling.guided)}",
        f"Best test {quality.words} of all feasible architectures: {quality.text(ceiling.best)}",
    ]


def caveats(judgement: Judgement) -> list[str]:
    """What a reader must know to read the numbers."""
    problem, quality = judgement.problem, judgement.problem.quality
    notes = source_notes(judgement, shown=f"rewards, regret, curves and test {quality.plural}")
    notes += unseen_notes(judgement)
    if clocks := _charged_clocks(judgement):
        limits = judgement.comparison.budget.unit == "train_seconds"
        notes.append(
            f"{' and '.join(f'{clock} s' for clock in clocks)}: mean seconds that an agent charged beside its evaluations; the "
            f"budget {'limits them, evaluations included' if limits else 'does not limit them'}."
        )
        if judgement.only_clock is None:
            notes.append("no curves over seconds: simulated and measured seconds, or some that are not known, do not add up.")
    if any(s.deterministic for s in judgement.standings):
        names = ", ".join(s.agent for s in judgement.standings if s.deterministic)
        notes.append(f"deterministic: every seed gave the same search ({names}); it is one result, not an average.")
    if judgement.optimum is not None:
        notes.append(
            f"regret: what the answer's reward (mean over training seeds) lacks to the optimum, {judgement.optimum:.5f}; mean "
            "over the runs."
        )
        size = "its size" if near_size(quality) is None else f"the range of the {quality.words}"
        notes.append(
            f"to 99 %: evaluations until the {judgement.answer_noun}'s reward is at least the optimum less one percent of {size}; the median "
            "over the runs, '-' where half of them or more never got there."
        )
    notes += _unit_notes(judgement)
    notes.append(
        "agents stand in the order of the IQM of their answers' rewards, means over training seeds where they are known."
    )
    notes += [] if judgement.fronts is None else front_notes(judgement, judgement.fronts)
    notes += _pair_notes(judgement)
    notes += fairness_notes(judgement)
    notes.append(
        "mean ± standard deviation over the runs; IQM: mean of the middle half of them, with an expanded bootstrap interval "
        f"(2,000 resamples). {_test_head(quality.name, quality, searched=True)}: the answer's {_test_words(problem.reporting)}{_seen(problem)}."
    )
    return notes


def _test_words(problem: Problem) -> str:
    if problem.accuracy.predicted:
        return f"predicted test {problem.quality.words}, where there is one"
    return f"test {problem.quality.words} at full training, mean over training seeds"


def _seen(problem: Problem) -> str:
    return "" if problem.search_metric == "test" else "; no search saw it"


def _unit_notes(judgement: Judgement) -> list[str]:
    """What counts as an evaluation, and what the second axis and its regret are."""
    amount = judgement.comparison.budget.amount
    if not judgement.comparison.budget.repeats_free:
        return []
    after = f"after {amount:g} proposals, repeats included"
    notes = [
        "evaluations: different networks, since one that was trained is not trained again; proposals: with repeats. The picture of "
        f"what the search maximises shows both{'' if judgement.optimum is None else f'; regret, repeats paid: {after}'}."
    ]
    if judgement.problem.accuracy.seed == "sampled":
        notes[0] += (
            " A repeat was answered with the number that was drawn first; with --budget-unit total it is drawn again, so what that "
            "gives is another search."
        )
    else:
        notes[0] += " That is what --budget-unit total gives the same searches."
    if any(run.recommended for run in judgement.runs):
        notes[0] += " Recommendations that come when a search has ended count from there on."
    return notes


def _pair_notes(judgement: Judgement) -> list[str]:
    """What ranks and pairs mean, and what intervals of few runs are."""
    notes, runs = [], len(judgement.comparison.seeds)
    if judgement.pairs:
        notes.append(
            "rank: agents share one unless, seed by seed, the first of it has more reward by an interval above 0. "
            f"{judgement.standings[0].agent} has more reward by: interquartile mean of the paired differences with its interval; "
            "with: share of the seeds, equal ones as half; p: Wilcoxon's signed-rank test, corrected by Holm for all pairs."
        )
    if 1 < runs < ENOUGH_RUNS:
        ranked = "" if judgement.ranks is not None else f", and with fewer than {RANKED_RUNS} agents are not ranked"
        notes.append(
            f"{runs} runs: an interval of 95 % holds the true value {FEW_RUNS[runs]} times in a hundred with so few "
            f"(benchmarks/coverage.md){ranked}; give --seeds {ENOUGH_RUNS} or more before you claim a difference."
        )
    return notes


def leaderboard_text(judgement: Judgement) -> str:
    """The leaderboard as plain text; equal comparisons give equal bytes."""
    further = {"Noise ceiling": ceiling_lines(judgement), "Notes": caveats(judgement)}
    return as_text(judgement, subject(judgement), sections(judgement), further)
