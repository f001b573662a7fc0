"""How long agents think: their own CPU time per evaluation, beside Optuna's TPE and bare pymoo.

Own time is what a search spends outside of ``ledger.evaluate``. Every searcher spends the same
number of total evaluations on the NAS-Bench-Macro table, in one process, seed after seed. A warm-up
search (imports, first-call costs) comes before the measured ones. Time is CPU time of the process,
because a busy machine stretches the wall clock but hardly changes the work. Run from the repository
root::

    OMP_NUM_THREADS=1 python benchmarks/agent_speed.py
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import optuna
import torch
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem as PymooProblem
from pymoo.operators.crossover.ux import UX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import markdown_table, write_page
from nasgym.agents.agent import make_agent
from nasgym.errors import BudgetExhausted, MissingData
from nasgym.ledger import Budget, Ledger
from nasgym.problems.evaluation import Evaluations
from nasgym.problems.factory import make_problem
from nasgym.problems.problem import Problem
from nasgym.registry import AGENTS
from nasgym.type_aliases import Archs

ENV_ID = "nasgym/NASBenchMacro-v0"
PACKAGES = ("torch", "pymoo", "optuna", "stable-baselines3", "sb3-contrib")


class TimedLedger(Ledger):
    """A ledger that adds up the CPU time of its own work."""

    inside = 0.0

    def evaluate(self, archs: Archs, fidelity: int | None = None) -> Evaluations:
        """As `Ledger.evaluate`."""
        start = time.process_time()
        try:
            return super().evaluate(archs, fidelity)
        finally:
            self.inside += time.process_time() - start


def optuna_tpe(ledger: Ledger, seed: int) -> None:
    """Optuna's TPE with its defaults, one categorical parameter a decision, storage in memory."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    while True:
        trial = study.ask()
        choices = [trial.suggest_categorical(d.name, list(range(len(d.choices)))) for d in ledger.space.decisions]
        study.tell(trial, float(ledger.evaluate(np.array([choices], dtype=np.int8)).reward[0]))


def bare_pymoo(ledger: Ledger, seed: int, population: int = 20) -> None:
    """Pymoo's NSGA-II with its stock integer operators, on the objectives of the problem."""
    space = ledger.space

    class Objectives(PymooProblem):
        def _evaluate(self, X, out, *args, **kwargs) -> None:
            ev = ledger.evaluate(X.astype(np.int8))
            out["F"] = np.stack([-ev.accuracy, ev.costs["macs"]], axis=1)

    algorithm = NSGA2(
        pop_size=population,
        sampling=IntegerRandomSampling(),
        crossover=UX(),
        mutation=PM(vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    minimize(
        Objectives(n_var=space.num_decisions, n_obj=2, xl=0, xu=space.num_choices - 1, vtype=int),
        algorithm,
        ("n_gen", 10**9),
        seed=seed,
    )


def agent(name: str) -> Callable[[Ledger, int], None]:
    """An agent of this library with its defaults."""

    def search(ledger: Ledger, seed: int) -> None:
        make_agent(name).search(ledger, seed=seed)

    return search


def measure(searcher: Callable[[Ledger, int], None], problem: Problem, evaluations: int, seed: int) -> tuple[float, float, int]:
    """Own CPU seconds, those of the ledger, and the number of charged evaluations of one search."""
    ledger = TimedLedger(problem, Budget("total", evaluations), seed=seed)
    start = time.process_time()
    with suppress(BudgetExhausted):  # how searchers without a notion of budget end
        searcher(ledger, seed)
    return time.process_time() - start - ledger.inside, ledger.inside, ledger.charges


def main() -> int:
    """Measures, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    optuna.logging.disable_default_handler()
    try:
        problem = make_problem(ENV_ID, objectives=["accuracy", "macs"])
    except MissingData as error:
        print(f"skipped, nothing was measured: {error}")
        return 0

    searchers = {name: agent(name) for name in AGENTS.builtin}
    searchers |= {"Optuna TPE": optuna_tpe, "bare pymoo NSGA-II": bare_pymoo}
    rows = []
    for name, searcher in searchers.items():
        measure(searcher, problem, options.evaluations, seed=10**6)
        runs = [measure(searcher, problem, options.evaluations, seed) for seed in range(options.seeds)]
        own = sorted(1e3 * seconds / count for seconds, _, count in runs)
        inside = [1e3 * seconds / count for _, seconds, count in runs]
        spent = sorted({count for *_, count in runs})
        counts = str(spent[0]) if len(spent) == 1 else f"{spent[0]} to {spent[-1]}"
        rows.append((name, float(np.median(own)), own[0], own[-1], float(np.median(inside)), counts))
        print(f"{name}: {rows[-1][1]:.3f} ms", flush=True)

    write(rows, options)
    return 0


def write(rows: list[tuple[str, float, float, float, float, str]], options: argparse.Namespace) -> None:
    """Prints and writes the page."""
    header = ("searcher", "own ms / evaluation", "least to most", "ledger ms / evaluation", "evaluations")
    cells = [
        (name, f"{own:.3f}", f"{low:.3f} to {high:.3f}", f"{inside:.3f}", spent)
        for name, own, low, high, inside, spent in sorted(rows, key=lambda row: row[1])
    ]
    explained = (
        f"CPU milliseconds per charged evaluation on the table of `{ENV_ID}`: the median of {options.seeds} searches (seeds 0 to "
        f'{options.seeds - 1}) of {options.evaluations} total evaluations each, after one search to warm up. "Own" is everything outside of '
        "`ledger.evaluate`; \"ledger\" is the look-up, the accounting and the rule. Agents, Optuna's TPE and pymoo's NSGA-II (population 20, "
        "stock integer operators, two objectives as `nsga2`) run with their defaults, with one torch thread. Machine dependent; compare rows, "
        f"not runs. Load averages of the machine when it ended: {', '.join(f'{load:.1f}' for load in os.getloadavg())}."
    )
    threads = f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']} " if "OMP_NUM_THREADS" in os.environ else ""
    command = f"{threads}{shlex.join(['python', 'benchmarks/agent_speed.py', *sys.argv[1:]])}"
    write_page("agent_speed", "Time that agents think", command, [explained, markdown_table(header, cells)], *PACKAGES)


if __name__ == "__main__":
    raise SystemExit(main())
