"""`Decision` and `Layer`: what a search space is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from nasgym.errors import InvalidValue, unknown_name
from nasgym.type_aliases import Archs, Ints

__all__ = ["OPEN", "Decision", "Label", "Layer", "Role"]

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


@dataclass(frozen=True)
class Layer:
    """Consecutive decisions that are made together, with every valid combination of them.

    Attributes:
        name: For example ``"layer2"``.
        columns: The decisions' positions in an architecture.
        options: ``(m, k)`` valid combinations in lexicographic order, k = number of columns.
        rank: ``(prod of choices,)`` the option's index by mixed-radix code, -1 where invalid.
        radix: ``(k,)`` weights of that code.
    """

    name: str
    columns: range
    options: Archs
    rank: Ints = field(repr=False)
    radix: Ints = field(repr=False)

    @property
    def slice(self) -> slice:
        """The layer's columns as a slice."""
        return slice(self.columns.start, self.columns.stop)
