"""`Entrant`: how an agent enters a comparison: what it says of itself, and what was set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from nasgym.agents.agent import Agent
from nasgym.agents.disclosure import Disclosure
from nasgym.errors import InvalidValue
from nasgym.problems.problem import Problem
from nasgym.registry import AGENTS

__all__ = ["Entrant", "check_fair", "fair_hyperparameters"]


@dataclass(frozen=True)
class Entrant:
    """An agent beside its hyper-parameters.

    Attributes:
        disclosure: What it says of itself.
        changed: Hyper-parameters that are not at their default.
        fair: Names of those that ``--fair`` has set.
        kept: Names of those that ``--fair`` would have set otherwise than the user did.
    """

    disclosure: Disclosure = field(default_factory=Disclosure)
    changed: Mapping[str, Any] = field(default_factory=dict)
    fair: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @classmethod
    def of(cls, agent: Agent, given: Mapping[str, Any], *, fair: bool) -> Entrant:
        """How an agent enters; `given` is what the user set, and `fair` whether more was."""
        changed = {one.name: getattr(agent, one.name) for one in fields(agent) if one.init}
        changed = {name: value for name, value in changed.items() if value != _default(agent, name)}
        wanted = type(agent).fair_settings() if fair else {}
        return cls(
            disclosure=agent.disclose(),
            changed=changed,
            fair=tuple(name for name in wanted if name in changed and name not in given),
            kept=tuple(name for name, value in wanted.items() if name in given and given[name] != value),
        )


def _default(agent: Agent, name: str) -> Any:
    (one,) = (one for one in fields(agent) if one.name == name)
    return one.default_factory() if one.default_factory is not MISSING else one.default


def fair_hyperparameters(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the user set for an agent, and what it takes to keep to a limit before evaluating."""
    kind: type[Agent] = AGENTS.load(name)
    return {**kind.fair_settings(), **given}


def check_fair(problem: Problem) -> None:
    """Checks that rivals can keep to a limit before they evaluate.

    Raises:
        InvalidValue: There is no limit, or costs are not free.
    """
    if problem.constraint is None:
        raise InvalidValue(
            "--fair has rivals reject what is over the limit, and this problem has none; give --set target=..., or leave out --fair."
        )
    if not problem.free_costs:
        raise InvalidValue(
            f"--fair has rivals reject what is over the limit before they evaluate it, and {problem.constraint.cost} is measured with "
            "evaluations; leave out --fair, or give a device whose costs are looked up."
        )
