"""Whether PPO learns through other libraries' interfaces: two clients against random search.

``python -m benchmarks.ppo_clients --seeds 50 --jobs 2``. The clients are `examples/ppo_sb3.py`
(sb3-contrib's MaskablePPO on the native vector environment through `nasgym.wrappers.SB3VecEnv`) and
`examples/ppo_cleanrl_style.py` (a single file of plain torch), with the settings that they have as
examples. Writes ``ppo_clients.md``; NAS-Bench-Macro must be imported, ``--cases digits`` does
without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from benchmarks.common import arguments, markdown_table, run_all, write_page
from benchmarks.intervals import lead, lead_text, middle, words
from examples import ppo_cleanrl_style, ppo_sb3
from nasgym.agents import make_agent
from nasgym.ledger import Budget
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem

EVALUATIONS = 300
CLIENTS = {"MaskablePPO, adapter": ppo_sb3, "single-file PPO": ppo_cleanrl_style}
CASES = {
    "macro": ("nasgym/NASBenchMacro-v0", {"reward": "accuracy", "target": None}),
    "digits": ("nasgym/Digits-v0", {}),
}
TITLES = {
    "macro": "NAS-Bench-Macro, reward `accuracy`, no target",
    "digits": "For comparison: Digits, the id's defaults, reward `constrained`, at most half of the MACs range",
}


@dataclass(frozen=True)
class Run:
    """One client, or ``"random"``, on one case with one seed."""

    case: str
    client: str
    seed: int


@dataclass(frozen=True)
class Found:
    """Regrets and mean rewards of a run, in percent; random search has no greedy episode."""

    best: float
    greedy: float
    first: float
    last: float


@cache
def problem_of(case: str) -> Problem:
    """The problem of a case, built once a process."""
    env_id, keywords = CASES[case]
    return make_problem(env_id, **keywords)


def play(run: Run) -> Found:
    """Trains a client or lets random search draw, and looks up what was missed."""
    env_id, keywords = CASES[run.case]
    problem = problem_of(run.case)
    optimum, greedy = problem.optimum().reward, np.nan
    if run.client == "random":
        found = make_agent("random").search(problem, budget=Budget("total", EVALUATIONS), seed=run.seed)
        rewards = found.history.reward
    else:
        client = CLIENTS[run.client]
        history, policy = client.train(env_id, run.seed, EVALUATIONS, env_keywords=keywords)
        rewards = problem.evaluate(problem.space.from_str([arch for arch, _ in history])).reward
        seen = np.array([reward for _, reward in history])
        assert np.allclose(rewards, seen, atol=1e-6), "what a client noted is not what the architectures are worth"
        greedy = 100 * (optimum - client.greedy_episode(policy, env_id, keywords)[1])
    assert len(rewards) == EVALUATIONS, f"{run} made {len(rewards)} evaluations"
    fifth = EVALUATIONS // 5
    means = (float(100 * part.mean()) for part in (rewards[:fifth], rewards[-fifth:]))
    return Found(float(100 * (optimum - rewards.max())), float(greedy), *means)


def case_part(case: str, found: dict[Run, Found], seeds: list[int]) -> str:
    """The table of a case, and what it says about the two claims."""
    random = np.array([found[Run(case, "random", seed)].best for seed in seeds])
    rows, claims = [["random search", middle(random), "", "", "", *_ends(case, "random", found, seeds)]], []
    for client in CLIENTS:
        mine = [found[Run(case, client, seed)] for seed in seeds]
        best, greedy = np.array([f.best for f in mine]), np.array([f.greedy for f in mine])
        rows.append(
            [
                client,
                middle(best),
                lead_text(random, best),
                f"{middle(greedy)}, worst {greedy.max():.3f}",
                lead_text(random, greedy),
                *_ends(case, client, found, seeds),
            ]
        )
        better = "lies above 0" if lead(random, best).low > 0 else "DOES NOT lie above 0"
        greedy_better = "lies above 0" if lead(random, greedy).low > 0 else "DOES NOT"
        claims.append(
            f"* {client}: the interval of the difference {better}, that of the greedy episode {greedy_better}; the greedy episode has "
            f"less regret than random search's best with {(greedy < random).sum()} of {len(seeds)} seeds."
        )
    head = ("", "regret of the best", "better than random search by", "regret of the greedy episode", "better by")
    table = markdown_table((*head, "first fifth", "last fifth"), rows)
    return "\n\n".join([f"## {TITLES[case]}", table, "\n".join(claims)])


def _ends(case: str, client: str, found: dict[Run, Found], seeds: list[int]) -> list[str]:
    mine = [found[Run(case, client, seed)] for seed in seeds]
    return [f"{np.mean([f.first for f in mine]):.2f}", f"{np.mean([f.last for f in mine]):.2f}"]


def main() -> None:
    """Runs everything and writes the page."""
    parser = arguments(__doc__, 50)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    args = parser.parse_args()
    seeds = list(range(args.seeds))
    runs = [Run(case, client, seed) for case in args.cases for client in ("random", *CLIENTS) for seed in seeds]
    found = dict(zip(runs, run_all(play, runs, args.jobs), strict=True))
    intro = (
        f"{EVALUATIONS} evaluations in total, repeats included; seeds 0 to {args.seeds - 1}, paired. All numbers are rewards times 100. *Regret* "
        "is the best reward of the space minus the one found: of the *best* architecture of the search, and of the *greedy episode*, the "
        "architecture of the most likely choices of the final policy, which is looked up after the search and not chosen by its reward. "
        f"Printed is the {words(args.seeds)}. *Better by* is random search's regret of the best minus the client's regret, seed by seed. *First* "
        "and *last fifth*: mean reward of the evaluations."
    )
    settings = (
        "Both clients update after every ten architectures, eight passes over them, Adam at 1e-3, entropy weight 0.2, no discount, rewards "
        "replaced by their rank among the last hundred. They were chosen with other seeds than this page's, from 1000 on, on these same two "
        "cases: for the single file passes (3 to 16), step size (1e-3 to 4e-3), entropy weight (0.05 to 0.4), architectures for each update "
        "(5 to 20) and annealing, for MaskablePPO passes (3, 5, 8)."
    )
    parts = [intro, settings, *(case_part(case, found, seeds) for case in args.cases)]
    command = f"python -m benchmarks.ppo_clients --seeds {args.seeds} --jobs {args.jobs}"
    if args.cases != list(CASES):
        command += " --cases " + " ".join(args.cases)
    packages = ("torch", "stable-baselines3", "sb3-contrib")
    write_page("ppo_clients", "Two PPO clients against random search", command, parts, *packages)


if __name__ == "__main__":
    main()
