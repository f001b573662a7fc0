"""Whether REINFORCE and PPO learn: both against random search that knows as much as they do.

300 evaluations, repeats included. Every agent plays with rewards scaled by rank and by percent and,
where the problem has a limit, with masks of what is legal and of what is feasible. Its rivals are
random search, and under the limit random search that rejects before evaluating and random draws
with the same feasible masks. Writes ``rl_against_random.md`` beside this file. NAS-Bench-Macro must
be imported; ``--environments digits`` does without it.

    python -m benchmarks.rl_against_random --seeds 30 --jobs 2
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.common import Task, arguments, markdown_table, problem_of, run_all, search, write_page
from benchmarks.intervals import lead, middle, spelled, words
from nasgym.compare.paired import Paired, holm
from nasgym.ledger import Budget
from nasgym.problems.factory import make_problem
from nasgym.type_aliases import Bools, Floats

EVALUATIONS = 300
# random search goes on, so that it has seen as many different networks as any rival
RANDOM_EVALUATIONS = 4 * EVALUATIONS
SIGNIFICANT = 0.05
RULES: dict[str, tuple[tuple[str, Any], ...]] = {
    "accuracy": (("reward", "accuracy"), ("target", None)),
    "mnasnet-soft": (("reward", "mnasnet-soft"),),
    "constrained": (("reward", "constrained"),),
}
# the other two have no limit: with mnasnet-soft a network beyond the target may be the best
LIMITED = ("constrained",)
ENVIRONMENTS = {"digits": "nasgym/Digits-v0", "macro": "nasgym/NASBenchMacro-v0"}
RANDOM = {"random": {}, "rejecting random": {"reject": True}, "random, feasible draws": {"draw": "feasible"}}
# what an agent with such masks is compared with; the first of legal masks knows as much
RIVALS = {"legal": ("random", "rejecting random"), "feasible": ("rejecting random", "random, feasible draws")}


@dataclass(frozen=True)
class Case:
    """Whom the searches of one row are by, and where."""

    environment: str
    rule: str
    agent: str
    scaling: str = ""
    masks: str = ""


@dataclass(frozen=True)
class Found:
    """What came of one search; rewards are times 100.

    Attributes:
        best: Best reward of the first `EVALUATIONS` proposals.
        by_different: ``(k,)`` best reward after each different network.
        different: Different networks among the first `EVALUATIONS` proposals.
        first, last: Mean reward of the first and the last fifth of them.
        feasible: Share of them that meets the limit.
        seconds: Processor seconds of the search.
    """

    best: float
    by_different: Floats
    different: int
    first: float
    last: float
    feasible: float
    seconds: float


def cases_of(environments: Sequence[str]) -> list[Case]:
    """Every row: random search first, then the policies."""
    cases = []
    for environment in environments:
        for rule in RULES:
            limited = rule in LIMITED
            cases += [Case(environment, rule, name) for name in (RANDOM if limited else ["random"])]
            cases += [
                Case(environment, rule, agent, scaling, masks)
                for agent in ("reinforce", "ppo")
                for scaling in ("rank", "percent")
                for masks in (RIVALS if limited else ["legal"])
            ]
    return cases


def task_of(case: Case, seed: int) -> Task:
    """One search of a case."""
    agent, settings, amount = "random", dict(RANDOM.get(case.agent, {})), RANDOM_EVALUATIONS
    if case.masks:
        agent, settings, amount = case.agent, {"scaling": case.scaling, "mask": case.masks}, EVALUATIONS
    return Task(ENVIRONMENTS[case.environment], RULES[case.rule], agent, tuple(settings.items()), Budget("total", amount), seed)


def run(task: Task) -> Found:
    """Carries out one search."""
    problem_of(task)  # loading is not searching
    began = time.process_time()
    history = search(task).history
    seconds = time.process_time() - began
    return found_in(100.0 * history.reward, history.first == np.arange(len(history)), history.feasible, seconds)


def found_in(reward: Floats, new: Bools, feasible: Bools, seconds: float) -> Found:
    """What came of a search whose proposals had these rewards (times 100), new ones marked."""
    fifth, asked = EVALUATIONS // 5, reward[:EVALUATIONS]
    if len(asked) < EVALUATIONS:
        raise ValueError(f"a search of {EVALUATIONS} evaluations was charged {len(asked)}")
    return Found(
        best=float(asked.max()),
        by_different=np.maximum.accumulate(reward)[new],
        different=int(new[:EVALUATIONS].sum()),
        first=float(asked[:fifth].mean()),
        last=float(asked[-fifth:].mean()),
        feasible=float(feasible[:EVALUATIONS].mean()),
        seconds=seconds,
    )


def leads(mine: Sequence[Found], rival: Sequence[Found]) -> tuple[Paired, Paired]:
    """Over the same proposals, and over the same number of different networks."""
    best = np.array([one.best for one in mine])
    after = [other.by_different[one.different - 1] for one, other in zip(mine, rival, strict=True)]
    return lead(best, [other.best for other in rival]), lead(best, after)


def compared(found: Mapping[Case, Sequence[Found]]) -> list[tuple[Case, str, Paired, Paired]]:
    """Every policy beside every rival; p-values are corrected over all of them."""
    pairs = [
        (case, rival, *leads(mine, found[Case(case.environment, case.rule, rival)]))
        for case, mine in found.items()
        if case.masks
        for rival in (RIVALS[case.masks] if case.rule in LIMITED else ["random"])
    ]
    corrected = holm([pair[2].p_value for pair in pairs])
    return [
        (case, rival, replace(same, p_value=p), different)
        for (case, rival, same, different), p in zip(pairs, corrected, strict=True)
    ]


def verdict(pair: Paired) -> str:
    """``"ahead"``, ``"below"`` or ``"level"``: where the test and the interval agree."""
    if pair.p_value >= SIGNIFICANT or pair.tied:
        return "level"
    return "ahead" if pair.low > 0 else "below"


def report(found: Mapping[Case, Sequence[Found]], seeds: int) -> list[str]:
    """The parts of the page."""
    pairs = compared(found)
    rows = [
        [
            *(case.environment, case.rule, case.agent, case.scaling, case.masks, rival),
            spelled(same.difference, (same.low, same.high), 2, sign=True),
            f"{100 * same.better:.0f} %",
            f"{same.p_value:.3f}" if same.p_value >= 0.001 else "< 0.001",
            verdict(same),
            spelled(different.difference, (different.low, different.high), 2, sign=True),
        ]
        for case, rival, same, different in pairs
    ]
    sides = ["environment", "rule", "agent", "scaling", "masks"]
    return [
        f'{EVALUATIONS} evaluations, repeats included (`Budget("total", {EVALUATIONS})`), seeds 0 to {seeds - 1}, paired; training noise is '
        'averaged out (`seed="mean"`), and the limit and target are the ids\' own, half of the range of MACs. Hyper-parameters are the '
        "agents' defaults but for `scaling` and `mask`; they were tuned for 300 evaluations, on problems that "
        "were not recorded (these two tables are likely). Numbers are rewards times 100, which is percent of accuracy for networks within the limit.",
        "## Who is ahead\n\n"
        f"*Lead* is the agent's best reward less its rival's: {words(seeds)}. *Better* is the share of seeds with a better "
        "reward, equal ones half; *p* is Wilcoxon's signed-rank test, corrected by Holm over all rows of the table; the *verdict* is "
        f"level unless p < {SIGNIFICANT} and the interval is on one side of 0. *Lead, different* is over as many different networks as the "
        "agent evaluated: repeats then cost nobody anything. Under `constrained`, rejecting random draws again what breaks the limit "
        "before it is evaluated, and *feasible draws* decide uniformly among the choices that the feasible masks allow. Agents "
        "with legal masks do not know the limit beforehand: among their rivals plain random knows as much as they do.",
        summary(pairs),
        markdown_table([*sides, "rival", "lead", "better", "p", "verdict", "lead, different"], rows),
        "## What they propose\n\n"
        "*Best* is the interquartile mean over seeds with its interval; *first* and *last* are the mean rewards of the first and the last "
        "fifth of the proposals; *feasible* is the share of proposals within the limit, *different* the number of networks among them; "
        f"processor *seconds* of a search (random: of {RANDOM_EVALUATIONS} evaluations).",
        markdown_table([*sides, "best", "first", "last", "feasible", "different", "seconds"], proposals(found)),
    ]


def summary(pairs: Sequence[tuple[Case, str, Paired, Paired]]) -> str:
    """Sentences that count the verdicts, against rivals that know as much."""
    said = []
    for masks, rivals in (("legal", ("random",)), ("feasible", RIVALS["feasible"])):
        for scaling in ("rank", "percent"):
            fair = [(c, r, verdict(p)) for c, r, p, _ in pairs if (c.masks, c.scaling) == (masks, scaling) and r in rivals]
            count = {word: sum(v == word for *_, v in fair) for word in ("ahead", "level", "below")}
            others = [f"{c.agent} on {c.environment}, `{c.rule}`, {v} with {r}" for c, r, v in fair if v != "ahead"]
            said.append(
                f'* {masks.capitalize()} masks, `scaling="{scaling}"`, against rivals that know as much: ahead in {count["ahead"]} of '
                f"{len(fair)}, level in {count['level']}, below in {count['below']}"
                + (f" ({'; '.join(others)})." if others else ".")
            )
    return "\n".join(said)


def proposals(found: Mapping[Case, Sequence[Found]]) -> list[list[str]]:
    """A row for each case, after one with the optimum of its problem."""
    rows: list[list[str]] = []
    problem = None
    for case, runs in found.items():
        if problem != (case.environment, case.rule):
            problem = (case.environment, case.rule)
            best = make_problem(ENVIRONMENTS[case.environment], **dict(RULES[case.rule])).optimum().reward
            rows.append([case.environment, case.rule, "optimum", "", "", f"{100 * best:.2f}", "", "", "", "", ""])
        means = {
            k: float(np.mean([getattr(r, k) for r in runs])) for k in ("first", "last", "feasible", "different", "seconds")
        }
        within = f"{100 * means['feasible']:.0f} %" if case.rule in LIMITED else ""
        rows.append(
            [
                *(case.environment, case.rule, case.agent, case.scaling, case.masks, middle([r.best for r in runs], 2)),
                *(f"{means['first']:.1f}", f"{means['last']:.1f}", within),
                *(f"{means['different']:.0f}", f"{means['seconds']:.2f}"),
            ]
        )
    return rows


def main() -> None:
    """Runs all cases and writes the page."""
    parser = arguments(__doc__ or "", 30)
    parser.add_argument("--environments", nargs="+", choices=list(ENVIRONMENTS), default=list(ENVIRONMENTS))
    options = parser.parse_args()
    cases = cases_of(options.environments)
    results = iter(run_all(run, [task_of(case, seed) for case in cases for seed in range(options.seeds)], options.jobs))
    found = {case: [next(results) for _ in range(options.seeds)] for case in cases}
    command = f"python -m benchmarks.rl_against_random {shlex.join(sys.argv[1:])}".strip()
    packages = ("torch", "stable-baselines3", "sb3-contrib")
    write_page("rl_against_random", "Policy gradients against random search", command, report(found, options.seeds), *packages)


if __name__ == "__main__":
    main()
