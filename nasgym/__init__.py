"""Environments, oracles and agents for neural architecture search.

Importing registers the environment ids with Gymnasium and loads nothing else; the names below are
loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nasgym.registration import register_envs

if TYPE_CHECKING:
    from nasgym.errors import BudgetExhausted, NasgymError
    from nasgym.ledger.budget import Budget
    from nasgym.ledger.ledger import Ledger
    from nasgym.problems.evaluation import Constraint, Evaluations, Objective
    from nasgym.problems.factory import make_problem
    from nasgym.problems.problem import Problem
    from nasgym.spaces.decision import Decision
    from nasgym.spaces.space import SearchSpace

__all__ = [
    "Budget",
    "BudgetExhausted",
    "Constraint",
    "Decision",
    "Evaluations",
    "Ledger",
    "NasgymError",
    "Objective",
    "Problem",
    "SearchSpace",
    "make_problem",
]

__version__ = "0.1.0"

_WHERE = {
    "Budget": "nasgym.ledger.budget",
    "BudgetExhausted": "nasgym.errors",
    "Constraint": "nasgym.problems.evaluation",
    "Decision": "nasgym.spaces.decision",
    "Evaluations": "nasgym.problems.evaluation",
    "Ledger": "nasgym.ledger.ledger",
    "NasgymError": "nasgym.errors",
    "Objective": "nasgym.problems.evaluation",
    "Problem": "nasgym.problems.problem",
    "SearchSpace": "nasgym.spaces.space",
    "make_problem": "nasgym.problems.factory",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'nasgym' has no attribute {name!r}; it has {', '.join(__all__)}")


register_envs()
