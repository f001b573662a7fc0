"""Former fingerprints of oracles whose answers are what they were.

A training was known by the text that Python prints of its network's plan, and is now known by the
plan's values (`nasgym.networks.plan_values`). The list has both, for the trainings of every
built-in space with the schedule that it has by default; `former_oracles.csv` is the list.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

__all__ = ["former_names", "former_oracles"]


@cache
def former_oracles() -> dict[str, str]:
    """What each former fingerprint is now."""
    text = (files("nasgym.ledger") / "former_oracles.csv").read_text(encoding="utf-8")
    return {row["former"]: row["now"] for row in csv.DictReader(text.splitlines())}


def former_names(fingerprint: str) -> list[str]:
    """The former fingerprints of an oracle."""
    return [former for former, now in former_oracles().items() if now == fingerprint]
