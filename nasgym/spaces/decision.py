"""`Decision`: what a search space is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from nasgym.errors import InvalidValue, unknown_name

__all__ = ["OPEN", "Decision", "Label", "Role", "check_labels"]

Label: TypeAlias = str | int | float
Role: TypeAlias = Literal["op", "kernel", "expansion", "width", "depth", "skip", "input", "resolution"]

OPEN = -1


@dataclass(frozen=True)
class Decision:
    """One choice that an architecture makes.

    Attributes:
        name: Unique in its space, for example ``"layer2.kernel"``.
        choices: The labels; an architecture stores their index.
        role: What the choice is about.
        active_if: ``(earlier decision, labels)``: the decision only matters where that one has one
            of these labels. An inactive decision holds index 0.
    """

    name: str
    choices: tuple[Label, ...]
    role: Role
    active_if: tuple[str, tuple[Label, ...]] | None = None

    def __post_init__(self) -> None:
        check_labels("Decision", self.name, self.choices)
        if self.active_if is not None:
            check_labels(f"the condition of {self.name!r}", self.active_if[0], self.active_if[1])
        if self.role not in get_args(Role):
            raise unknown_name("role", self.role, get_args(Role))
        if not 1 <= len(self.choices) <= 127:
            raise InvalidValue(f"decision {self.name!r} has {len(self.choices)} choices; 1 to 127 are allowed.")
        if len(set(self.choices)) != len(self.choices):
            raise InvalidValue(f"decision {self.name!r} names a choice twice: {self.choices}.")

    def index(self, label: Label) -> int:
        """Index of a label; raises `UnknownName` where there is none."""
        try:
            return self.choices.index(label)
        except ValueError:
            raise unknown_name(f"choice of {self.name!r}", label, self.choices) from None


def check_labels(asked_by: str, name: str, labels: object) -> None:
    """Raises `InvalidValue` where labels are no list; a text would be one of its letters."""
    if isinstance(labels, str) or not isinstance(labels, Sequence):
        raise InvalidValue(f"{asked_by} takes a list of labels for {name!r}, got {labels!r}; write [{labels!r}].")
