"""Environments, oracles and agents for neural architecture search.

Importing registers the environment ids with Gymnasium and loads nothing else; the names below are loaded when they are
first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nasgym.registration import register_envs

if TYPE_CHECKING:
    from nasgym.errors import BudgetExhausted, NasgymError
    from nasgym.factory import make_problem
    from nasgym.ledger import Budget, Ledger
    from nasgym.problem import Constraint, Evaluations, Objective, Problem
    from nasgym.spaces.space import Decision, SearchSpace

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
    "Budget": "nasgym.ledger",
    "BudgetExhausted": "nasgym.errors",
    "Constraint": "nasgym.problem",
    "Decision": "nasgym.spaces.space",
    "Evaluations": "nasgym.problem",
    "Ledger": "nasgym.ledger",
    "NasgymError": "nasgym.errors",
    "Objective": "nasgym.problem",
    "Problem": "nasgym.problem",
    "SearchSpace": "nasgym.spaces.space",
    "make_problem": "nasgym.factory",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'nasgym' has no attribute {name!r}; it has {', '.join(__all__)}")


register_envs()
