"""`Comparison`: what is compared, as data: problem, agents, seeds, budget."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasgym.compare.entrant import Entrant, check_fair, fair_hyperparameters
from nasgym.compare.search import Search
from nasgym.compare.targets import WHOLE_RANGE, TargetSpec
from nasgym.errors import InvalidValue, MissingPackage, unknown_name
from nasgym.ledger.budget import Budget
from nasgym.ledger.former_oracles import former_names
from nasgym.problems.factory import PROBLEM_KEYWORDS, make_problem
from nasgym.problems.problem import Problem, fingerprint_of
from nasgym.registration import single_id

if TYPE_CHECKING:
    from nasgym.agents import Agent

__all__ = ["Comparison", "default_folder", "former_folder", "plan_comparison"]


def _hash(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Comparison:
    """Agents on one problem, each with the same seeds and the same budget.

    Attributes:
        env_id: Environment id; with one of several objectives (``nasgym/mo-Digits-v0``) fronts are
            compared, too.
        keywords: Keywords of `make_problem`.
        agents: Every hyper-parameter by agent name, defaults included, in the order in which they
            were named.
        seeds: One search for each seed and agent.
        budget: What each search may spend.
        problem: Fingerprint of the problem; results of another table are never mixed in.
        version: Of nasgym.
        fronts: Whether fronts are compared: several objectives are named, or the id has a reward
            for each; and what networks are worth can be looked up afterwards. No part of the
            description, which has the keywords.
        entrants: What each agent says of itself, and what was set for it; no part of the
            description, which has all hyper-parameters.
        targets: In the unit of the first cost, ascending: one search for each of them, too. Empty
            where all searches have the target that the keywords say; the keywords say none
            otherwise.
        alike: Agents whose searches are the same with every seed: on a grid of targets they play
            the first seed only. No part of the description, which has the agents.
        exclusive: Whether a search needs this machine for itself, because it times networks here;
            no part of the description.
    """

    env_id: str
    keywords: Mapping[str, Any]
    agents: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    budget: Budget
    problem: str
    version: str
    exclusive: bool = False
    fronts: bool = False
    entrants: Mapping[str, Entrant] = field(default_factory=dict)
    targets: tuple[float, ...] = ()
    alike: frozenset[str] = frozenset()

    def describe(self) -> dict[str, Any]:
        """JSON-able form."""
        described = {**asdict(self), "seeds": list(self.seeds), "agents": [[name, dict(h)] for name, h in self.agents.items()]}
        for name in ("exclusive", "fronts", "entrants", "alike", *(() if self.targets else ("targets",))):
            del described[name]
        return described

    @property
    def problem_keywords(self) -> dict[str, Any]:
        """Keywords of the problem whose fingerprint this is; on a grid its target is then moved."""
        return {**self.keywords, **({"target": WHOLE_RANGE} if self.targets else {})}

    @property
    def searches(self) -> list[Search]:
        """Every search, by agent, then by target, then by seed."""
        places: tuple[float | None, ...] = self.targets or (None,)
        return [Search(agent, seed, target) for agent in self.agents for target in places for seed in self.seeds_of(agent)]

    def seeds_of(self, agent: str) -> tuple[int, ...]:
        """The seeds that an agent plays."""
        return self.seeds[:1] if self.targets and agent in self.alike else self.seeds

    @property
    def fingerprint(self) -> str:
        """Hash of `describe` (16 hex digits)."""
        return _hash(self.describe())[:16]

    def run_spec(self, agent: str, seed: int, target: float | None = None) -> dict[str, Any]:
        """What one search depends on; the store keeps it beside the run."""
        return {
            "problem": self.problem,
            "agent": agent,
            "hyperparameters": json.loads(json.dumps(self.agents[agent], default=str)),
            "seed": seed,
            "budget": asdict(self.budget),
            "version": self.version,
            **({"fronts": True} if self.fronts else {}),
            **({} if target is None else {"target": target}),
        }

    def run_name(self, agent: str, seed: int, target: float | None = None) -> str:
        """Name of one search in the store; a search of another configuration has another name."""
        return f"{agent}-seed{seed}-{_hash(self.run_spec(agent, seed, target))[:12]}"


def plan_comparison(
    env_id: str,
    agents: Sequence[str],
    seeds: Sequence[int],
    budget: Budget,
    keywords: Mapping[str, Any] | None = None,
    hyperparameters: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    fair: bool = False,
    targets: TargetSpec | None = None,
) -> tuple[Comparison, Problem]:
    """Checks everything that can be wrong before the first evaluation.

    Args:
        env_id: Environment id.
        agents: Names, none twice.
        seeds: Not negative, none twice.
        budget: Of each search.
        keywords: Of `make_problem`.
        hyperparameters: By agent name.
        fair: Whether every agent that can keeps to the limit before it evaluates
            (`Agent.fair_settings`), but for what `hyperparameters` says otherwise.
        targets: A grid, at each target of which every agent plays; None for the problem's own.

    Returns:
        The comparison, and its problem; with a grid at the far end of the cost's range.

    Raises:
        NasgymError: A name is not known or a value is not allowed; the message has the next step.
    """
    from nasgym import __version__
    from nasgym.agents import make_agent
    from nasgym.envs.reward_signal import default_objectives
    from nasgym.registration import benchmark

    benchmark(single_id(env_id))
    for key in keywords or {}:
        if key not in PROBLEM_KEYWORDS:
            raise unknown_name("keyword", key, PROBLEM_KEYWORDS, "Hyper-parameters are set as agent.NAME.KEY=VALUE.")
    for what, values in (("agent", agents), ("seed", seeds)):
        if not values:
            raise InvalidValue(f"a comparison needs at least one {what}.")
        if twice := [value for i, value in enumerate(values) if value in values[:i]]:
            raise InvalidValue(f"{what} {twice[0]!r} is named twice.")
    for owner in hyperparameters or {}:
        if owner not in agents:
            raise unknown_name("agent of this comparison", owner, agents)
    set_by_user = {name: (hyperparameters or {}).get(name, {}) for name in agents}
    set_for = {name: fair_hyperparameters(name, own) if fair else own for name, own in set_by_user.items()}
    made = {name: make_agent(name, **set_for[name]) for name in agents}
    entrants = {name: Entrant.of(agent, set_by_user[name], fair=fair) for name, agent in made.items()}
    given = dict(keywords or {})
    if targets is not None:
        asked = Comparison(env_id, given, _resolved(made), tuple(seeds), budget, "", __version__, entrants=entrants)
        return _plan_grid(asked, made, targets, fair=fair)
    problem = make_problem(single_id(env_id), **given)
    if single_id(env_id) != env_id and "objectives" not in given and len(problem.objectives) == 1:
        # as the environment of that id does
        given["objectives"] = [objective.name for objective in default_objectives(problem)]
        problem = make_problem(single_id(env_id), **given)
    if fair:
        check_fair(problem)
    exclusive = any(cost.exclusive for cost in problem.cost_oracles.values())
    fingerprint = problem.fingerprint
    fronts = _has_fronts(env_id, problem, given)
    described = (env_id, given, _resolved(made), tuple(seeds), budget, fingerprint, __version__)
    comparison = Comparison(*described, exclusive=exclusive, fronts=fronts, entrants=entrants)
    return comparison, problem


def _resolved(agents: Mapping[str, Agent]) -> dict[str, dict[str, Any]]:
    """Every hyper-parameter by agent name."""
    return {name: {f.name: getattr(agent, f.name) for f in fields(agent) if f.init} for name, agent in agents.items()}


def _plan_grid(
    comparison: Comparison, agents: Mapping[str, Agent], targets: TargetSpec, *, fair: bool
) -> tuple[Comparison, Problem]:
    """The same comparison at every target of a grid."""
    env_id, keywords = comparison.env_id, comparison.keywords
    if "target" in keywords:
        raise InvalidValue(f"--set target={keywords['target']!r} and --targets both say the target; leave out one of them.")
    if single_id(env_id) != env_id or "objectives" in keywords:
        raise InvalidValue(
            f"--targets compares rewards at each target, and a front has none; leave out --targets, or compare on "
            f"{single_id(env_id)} without objectives."
        )
    problem = make_problem(env_id, **keywords, target=WHOLE_RANGE)
    if not problem.reporting.deterministic:
        raise InvalidValue(
            f"answers at every target are looked up after the searches, and networks of {env_id!r} are trained or timed on this "
            "machine; give report='table', or leave out --targets."
        )
    if fair:
        check_fair(problem)
    alike = frozenset(name for name, agent in agents.items() if problem.fixed and not agent.draws)
    found = targets.resolve(problem)
    return replace(comparison, problem=problem.fingerprint, targets=found, alike=alike), problem


def _has_fronts(env_id: str, problem: Problem, keywords: Mapping[str, Any]) -> bool:
    """Whether fronts are compared; refuses an id of several objectives where that cannot be."""
    asked, several = single_id(env_id) != env_id, len(problem.objectives) > 1
    if asked and not several:
        raise InvalidValue(f"{env_id!r} has several objectives, got {[one.name for one in problem.objectives]}; name more.")
    if asked and not problem.reporting.deterministic:
        raise InvalidValue(
            f"the fronts of {env_id!r} are looked up after the searches, and networks are trained or timed on this machine; give "
            f"report='table', or compare on {single_id(env_id)!r}."
        )
    fronts = (asked or "objectives" in keywords) and several and problem.reporting.deterministic
    if fronts and find_spec("moocore") is None:
        raise MissingPackage("fronts need the package moocore: pip install 'nasgym[agents]'.")
    return fronts


def default_folder(comparison: Comparison) -> Path:
    """Where results go by default: the same command finds the same folder again."""
    name = comparison.env_id.rpartition("/")[2]
    return Path("nasgym-results") / f"{name}-{comparison.fingerprint[:8]}"


def former_folder(comparison: Comparison, problem: Problem) -> Path | None:
    """Where results went by default before the problem's oracle got its present fingerprint.

    None where it always had it.
    """
    described = problem.describe()
    former = {key: names[0] for key in ("accuracy", "report") if key in described and (names := former_names(described[key]))}
    if not former:
        return None
    return default_folder(replace(comparison, problem=fingerprint_of(described | former)))
