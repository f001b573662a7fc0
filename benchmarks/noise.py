"""What is left of a comparison when every evaluation is one training, and what to answer then.

    python -m benchmarks.noise --seeds 20

Digits under MACs limits, and NATS-Bench topology on validation after 200 epochs (the table of
`benchmarks/nb201_trials.py`), with ``seed="mean"`` and with ``seed="sampled"``. Searches of 300
distinct evaluations, also judged after 100. A repeat is free and shows the number that it showed
before, so that nobody averages noise away by repeating. Judged is the true mean reward of three
answers: the incumbent; the network with the best posterior mean of a Gaussian process that is
fitted to the search's own evaluations; and the best of ten that the last thirty evaluations of the
budget train three times more. Writes ``noise.md``.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import Task, arguments, markdown_table, problem_of, run_all, search, write_page
from benchmarks.intervals import lead_text, middle, words
from benchmarks.nb201_trials import play_trials
from nasgym.execution.processes import ONE_THREAD
from nasgym.ledger import Budget
from nasgym.ledger.history import History
from nasgym.problems.problem import Problem
from nasgym.type_aliases import Archs, Floats, Ints

EVALUATIONS = (100, 300)
# for each evaluation: who has converged proposes what it knows
PROPOSALS = 20
# the best so many are trained so many times more
FINALISTS, AGAIN = 10, 3
ANSWERS = ("incumbent", "posterior", "trained again")
REFERENCE = "layernas"

Keywords = tuple[tuple[str, object], ...]

# title, id, and the keywords of every problem over which a seed's regrets are averaged
CASES: dict[str, tuple[str, str, tuple[Keywords, ...]]] = {
    "digits": (
        "Digits, `constrained`, MACs limits at 50 and 70 % of the range",
        "nasgym/Digits-v0",
        tuple(
            (("reward", "constrained"), ("cost", "macs"), ("target", {"fraction": share, "of": "range"}))
            for share in (0.5, 0.7)
        ),
    ),
    "topology": (
        "NATS-Bench topology, validation accuracy on CIFAR-100 after 200 epochs, no limit",
        "nasgym/NATS-TSS-v0",
        ((("dataset", "cifar100"), ("fidelity", 200), ("reward", "accuracy"), ("cost", "macs")),),
    ),
}
# agent and hyper-parameters; what the limit rules out is drawn again before it is paid for
AGENTS: dict[str, tuple[str, dict[str, object]]] = {
    REFERENCE: ("layernas", {}),
    "regularized-evolution": ("regularized-evolution", {"reject": True}),
    "local-search": ("local-search", {"reject": True}),
    "random": ("random", {"reject": True}),
    "reinforce": ("reinforce", {"mask": "feasible"}),
}


@dataclass(frozen=True)
class Judged:
    """Regrets of one search, in reward: ``regret[answer][i]`` after ``EVALUATIONS[i]``."""

    regret: dict[str, tuple[float, ...]]


def judge(task: Task) -> Judged:
    """Carries out one search and looks its answers up."""
    problem, history = problem_of(task), search(task).history
    noisy = problem.accuracy.seed == "sampled"
    best = problem.optimum().reward
    found: dict[str, tuple[float, ...]] = {}
    for answer in ANSWERS if noisy else ANSWERS[:1]:
        archs = np.stack([_answer(answer, problem, history, min(n, len(history)), task.seed) for n in EVALUATIONS])
        found[answer] = tuple((best - problem.mean_rewards(archs)).tolist())
    return Judged(found)


def _answer(answer: str, problem: Problem, history: History, rows: int, seed: int) -> Archs:
    """``(D,)`` what is answered after so many evaluations."""
    if answer == "trained again":
        return trained_again(problem, history, rows - FINALISTS * AGAIN, np.random.default_rng(seed))
    if answer == "posterior" and history.feasible[:rows].any():
        return history.archs[int(posterior_best(problem, history, rows))]
    return history.archs[int(history.incumbent[rows - 1])]


def posterior_best(problem: Problem, history: History, rows: int) -> int:
    """The feasible row of the first ones with the best posterior mean accuracy.

    A Gaussian process over the choices of the decisions, one length scale and independent noise,
    whose sizes maximise the marginal likelihood.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    features = (history.archs[:rows, :, None] == np.arange(problem.space.max_choices)).reshape(rows, -1).astype(np.float64)
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(2.0, (0.3, 30.0)) + WhiteKernel(0.5, (1e-4, 10.0))
    model = GaussianProcessRegressor(kernel, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a size at the end of its range is an answer, too
        model.fit(features, history.accuracy[:rows])
    candidates = np.flatnonzero(history.feasible[:rows])
    return int(candidates[model.predict(features[candidates]).argmax()])


def trained_again(problem: Problem, history: History, rows: int, rng: np.random.Generator) -> Archs:
    """``(D,)`` the best mean of the finalists among the first rows, further trainings included."""
    finalists: Ints = np.argsort(-history.reward[:rows], kind="stable")[:FINALISTS]
    more = problem.evaluate(np.repeat(history.archs[finalists], AGAIN, axis=0), rng=rng).reward.reshape(-1, AGAIN)
    means = np.column_stack([history.reward[finalists], more]).mean(axis=1)
    return history.archs[finalists[int(means.argmax())]]


def tasks_of(case: str, seeds: int) -> list[Task]:
    """Every agent, with and without noise, on every problem of a case."""
    _, env_id, problems = CASES[case]
    budget = Budget("distinct", EVALUATIONS[-1], max_proposals=PROPOSALS * EVALUATIONS[-1])
    return [
        Task(env_id, (*keywords, ("seed", drawn)), agent, _played(hyper, keywords), budget, seed, f"{label}|{drawn}")
        for label, (agent, hyper) in AGENTS.items()
        for drawn in ("mean", "sampled")
        for keywords in problems
        for seed in range(seeds)
    ]


def _played(hyper: dict[str, object], keywords: Keywords) -> Keywords:
    """Hyper-parameters of a problem: without a limit there are no feasible masks."""
    limited = "target" in dict(keywords)
    return tuple((key, value) for key, value in hyper.items() if limited or key != "mask")


def part(case: str, found: dict[str, Floats]) -> str:
    """The tables of a case; `found` has ``(seeds, evaluations)`` points by agent, noise, answer."""
    columns = [("mean", "incumbent"), *(("sampled", answer) for answer in ANSWERS)]
    header = ["agent", *(f"{'no noise' if drawn == 'mean' else f'noise, {answer}'}" for drawn, answer in columns)]
    blocks = [f"## {CASES[case][0]}"]
    for i, evaluations in enumerate(EVALUATIONS):
        rows = [
            [label, *(middle(found[f"{label}|{drawn}|{answer}"][:, i], 2) for drawn, answer in columns)] for label in AGENTS
        ]
        leads = [
            [
                label,
                *(
                    lead_text(found[f"{label}|{drawn}|{answer}"][:, i], found[f"{REFERENCE}|{drawn}|{answer}"][:, i], 2)
                    for drawn, answer in columns
                ),
            ]
            for label in AGENTS
            if label != REFERENCE
        ]
        blocks += [
            f"Regret after {evaluations} evaluations:",
            markdown_table(header, rows),
            f"Regret of the others less that of `{REFERENCE}`, seed by seed (above 0: `{REFERENCE}` is better):",
            markdown_table(header, leads),
        ]
    return "\n\n".join(blocks)


def main() -> None:
    """Runs everything and writes the page."""
    parser = arguments((__doc__ or "").partition("\n")[0], 20)
    args = parser.parse_args()
    os.environ.update(ONE_THREAD)  # the workers read it when they start
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        play_trials(Path(folder))
        for case in CASES:
            tasks = tasks_of(case, args.seeds)
            by_run: dict[str, list[list[float]]] = {}
            for task, judged in zip(tasks, run_all(judge, tasks, args.jobs), strict=True):
                for answer, regret in judged.regret.items():
                    by_run.setdefault(f"{task.label}|{answer}", []).append([100 * value for value in regret])
            # a seed's regret is averaged over the problems; the interval is over seeds
            shape = (len(CASES[case][2]), args.seeds, len(EVALUATIONS))
            parts.append(part(case, {key: np.reshape(values, shape).mean(axis=0) for key, values in by_run.items()}))
    intro = (
        f"Regret in percentage points of the true mean reward, seeds 0 to {args.seeds - 1}: {words(args.seeds)}. *No noise*: every evaluation shows "
        'the mean over the training seeds (`seed="mean"`), and the answer is the incumbent. *Noise*: it shows one of them, drawn '
        '(`seed="sampled"`; three on Digits, two or three on NATS-Bench). Budgets count distinct evaluations: a repeat is free, and shows what it showed '
        f"before; a search ends after {PROPOSALS} proposals for each evaluation. *Posterior*: the evaluated network with the best posterior mean of a Gaussian process. *Trained again*: the search stops {FINALISTS * AGAIN} "
        f"evaluations earlier, and its {FINALISTS} best are trained {AGAIN} times more. Evolution, local search and random search reject what is "
        "over the limit, REINFORCE plays with feasible masks, LayerNAS filters; all have their default settings, none was tuned here."
    )
    write_page(
        "noise",
        "Searches that see single trainings",
        f"python -m benchmarks.noise --seeds {args.seeds} --jobs {args.jobs}",
        [intro, *parts],
        "scikit-learn",
        "scipy",
    )


if __name__ == "__main__":
    main()
