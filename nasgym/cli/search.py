"""``nasgym search``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasgym.cli.options import Amount, Identifier, Settings, Unit, make_budget
from nasgym.cli.terminal import progress

if TYPE_CHECKING:
    import numpy.typing as npt

    from nasgym.agents.agent import SearchResult
    from nasgym.ledger.budget import Budget
    from nasgym.oracles.oracle import Clock
    from nasgym.problems.evaluation import Evaluations
    from nasgym.problems.problem import Problem

__all__ = ["search"]


def search(
    env_id: Identifier,
    agent: Annotated[str, typer.Option(metavar="NAME", help="Name of the agent.")] = "regularized-evolution",
    budget: Amount = 300,
    budget_unit: Unit = "distinct",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seeds the search.")] = 0,
    settings: Settings = None,
    report: Annotated[
        bool, typer.Option("--report", help="Look up the test accuracy of the answer, after the search.")
    ] = False,
) -> None:
    """Runs one agent once and prints the best architecture and its costs."""
    from nasgym.compare.comparison import plan_comparison
    from nasgym.compare.section import amount
    from nasgym.compare.settings import parse_settings

    keywords, hyper = parse_settings(settings or [])
    plan, problem = plan_comparison(env_id, [agent], [seed], make_budget(budget_unit, budget), keywords, hyper)
    result = _search(problem, plan.budget, agent, plan.agents[agent], seed)
    arch, quality = result.best_arch, problem.quality
    lines = [("architecture", problem.space.to_str(arch[None])[0])]
    if result.evaluated:
        seen = problem.search_metric if problem.search_metric == "validation" else "TEST"
        when = f"after {problem.search_fidelity} epochs" if problem.search_fidelity else "predicted"
        lines.append(("reward", f"{result.best_reward:.6g}"))
        lines.append((f"{seen} {quality.words}", f"{quality.text(result.best_accuracy)} {when}"))
    else:
        lines.append(("reward", "not known: the agent recommends what it has not evaluated; --report looks it up"))
    lines += [(name, amount(cost)) for name, cost in result.best_costs.items()]
    lines += [("", f"{name} was {cost.provenance}") for name, cost in problem.cost_oracles.items() if not cost.free]
    if problem.constraint is not None:
        lines.append(("constraint", "met" if result.feasible else "NOT met"))
    ends = {
        "budget": "the budget was spent",
        "max_proposals": "the agent repeated itself",
        "max_repeats": "the agent repeated itself",
        "agent": "the agent had nothing left",
    }
    lines.append(("evaluations", f"{len(result.history)}; {ends.get(result.ended, result.ended)}"))
    lines += [(f"{clock} seconds", f"{seconds:,.4g} beside evaluations") for clock, seconds in result.charged_seconds.items()]
    if report:
        found = problem.report(arch[None])
        test = float(found.test_accuracy[0])
        known = f"not known: {quality.plural} are predicted" if math.isnan(test) else f"{quality.text(test)} at full training"
        lines.append((f"test {quality.words}", known))
        for name, values in found.qualities.items():
            lines.append((f"test {name}", f"{problem.qualities[name].text(float(values[0]))} at full training"))
    width = max(22, *(len(key) + 2 for key, _ in lines))
    for key, text in lines:
        typer.echo(f"{key + ':' if key else '':{width}}{text}")


def _search(problem: Problem, budget: Budget, agent: str, hyperparameters: Mapping[str, Any], seed: int) -> SearchResult:
    """A search with a progress bar.

    It equals ``make_agent(agent).search(problem, budget=budget, seed=seed)``.
    """
    from nasgym.agents import make_agent
    from nasgym.agents.agent import split_seed
    from nasgym.ledger.ledger import Ledger

    with progress(agent) as show:

        class Shown(Ledger):
            def evaluate(self, archs: npt.ArrayLike, fidelity: int | None = None) -> Evaluations:
                found = super().evaluate(archs, fidelity)
                show(self.spent, budget.amount)
                return found

            def charge(self, seconds: float, clock: Clock | None = None) -> float:
                paid = super().charge(seconds, clock)
                show(self.spent, budget.amount)
                return paid

        ledger = Shown(problem, budget, seed=split_seed(seed)[1])
        return make_agent(agent, **hyperparameters).search(ledger, seed=seed)
