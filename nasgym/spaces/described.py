"""`DescribedSpace`: a space that a user states as data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nasgym.errors import InvalidValue
from nasgym.files.json_object import check_object
from nasgym.spaces.decision import Decision, Label
from nasgym.spaces.space import SearchSpace

__all__ = ["DescribedSpace", "space_from_description"]

SPACE_KEYS = ("name", "decisions", "layers", "default", "ends")
DECISION_KEYS = ("name", "choices", "role", "active_if")
# the textual form puts these between and in place of labels
RESERVED = re.compile(r"[,:?\s]")


class DescribedSpace(SearchSpace):
    """The space of a user's own table, whose card states the decisions.

    It has the general text form: the labels of the decisions separated by commas, those within a
    layer by colons: ``"2:3:5,conv"``. Two encodings describe one network only where they differ in
    inactive decisions.
    """

    def description(self) -> dict[str, Any]:
        """JSON-able data from which `space_from_description` builds the same space."""
        decisions = []
        for decision in self.decisions:
            entry: dict[str, Any] = {"name": decision.name, "role": decision.role, "choices": list(decision.choices)}
            if decision.active_if is not None:
                entry["active_if"] = [decision.active_if[0], list(decision.active_if[1])]
            decisions.append(entry)
        default = [d.choices[choice] for d, choice in zip(self.decisions, self.default.tolist(), strict=True)]
        ends = {stop: list(labels) for stop, labels in self.ends.items()}
        return {
            "name": self.name,
            "decisions": decisions,
            "layers": [[layer.name, len(layer.columns)] for layer in self.layers],
            "default": default,
            **({"ends": ends} if ends else {}),
        }


def space_from_description(description: Mapping[str, Any]) -> DescribedSpace:
    """Builds a space from data.

    Args:
        description: ``{"name": text, "decisions": [{"name", "role", "choices": [labels],
            "active_if": [earlier decision, [labels]]}, ...], "layers": [[name, number of
            consecutive decisions], ...], "default": [label of each decision], "ends": {decision:
            [labels after which nothing else is decided]}}``; ``active_if``, ``layers``, ``default``
            and ``ends`` may be left out. A decision may depend on an earlier one of its own layer.

    Returns:
        The space; `DescribedSpace.description` gives the data back.

    Raises:
        InvalidValue: Something is missing or contradicts itself.
        UnknownName: A key, role, decision or label is not known; the nearest one is suggested.
    """
    check_object("a space", description, SPACE_KEYS, ("name", "decisions"))
    name, entries = description["name"], description["decisions"]
    if not isinstance(name, str) or not name:
        raise InvalidValue(f"a space's name is text, got {name!r}.")
    if not _is_list(entries) or not entries:
        raise InvalidValue(f"space {name!r}: 'decisions' is a list with at least one entry, got {entries!r}.")
    decisions = [_decision(entry) for entry in entries]
    default = description.get("default")
    if default is not None and (not _is_list(default) or len(default) != len(decisions)):
        raise InvalidValue(f"space {name!r}: 'default' has one label for each of {len(decisions)} decisions, got {default!r}.")
    ends = description.get("ends", {})
    if not isinstance(ends, Mapping) or not all(_is_list(labels) for labels in ends.values()):
        raise InvalidValue(f"space {name!r}: 'ends' has a list of labels for each decision that ends, got {ends!r}.")
    return DescribedSpace(name, decisions, layers=_layers(name, description.get("layers")), default=default, ends=ends)


def _decision(entry: Any) -> Decision:
    check_object("a decision", entry, DECISION_KEYS, ("name", "role", "choices"))
    name, choices, condition = entry["name"], entry["choices"], entry.get("active_if")
    if not isinstance(name, str) or not name:
        raise InvalidValue(f"a decision's name is text, got {name!r}.")
    if not _is_list(choices):
        raise InvalidValue(f"decision {name!r}: 'choices' is a list of labels, got {choices!r}.")
    labels = tuple(_label(name, label) for label in choices)
    if len({str(label) for label in labels}) != len(labels):
        raise InvalidValue(f"decision {name!r} has two choices that are written alike: {', '.join(map(str, labels))}.")
    active_if = None
    if condition is not None:
        if not _is_list(condition) or len(condition) != 2 or not isinstance(condition[0], str) or not _is_list(condition[1]):
            raise InvalidValue(f"decision {name!r}: 'active_if' is [earlier decision, [its labels]], got {condition!r}.")
        active_if = (condition[0], tuple(condition[1]))
    return Decision(name, labels, entry["role"], active_if)


def _label(name: str, label: Any) -> Label:
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        raise InvalidValue(f"decision {name!r} has the choice {label!r}; labels are text or numbers.")
    if label != label or not str(label) or RESERVED.search(str(label)):
        raise InvalidValue(
            f"decision {name!r} has the choice {label!r}; labels are not empty and have no comma, colon, question mark or "
            "space, which the text form of an architecture uses."
        )
    return label


def _layers(name: str, layers: Any) -> list[tuple[str, int]] | None:
    if layers is None:
        return None
    good = _is_list(layers) and all(
        _is_list(layer) and len(layer) == 2 and isinstance(layer[0], str) and type(layer[1]) is int and layer[1] > 0
        for layer in layers
    )
    if not good:
        raise InvalidValue(f"space {name!r}: 'layers' is a list of [name, number of decisions], got {layers!r}.")
    return [(layer[0], layer[1]) for layer in layers]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
