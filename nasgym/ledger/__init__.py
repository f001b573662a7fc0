"""What agents may spend, and the record of what they have spent."""

from nasgym.ledger.budget import Budget, BudgetUnit
from nasgym.ledger.history import History
from nasgym.ledger.ledger import Ledger

__all__ = ["Budget", "BudgetUnit", "History", "Ledger"]
