"""The functions of an exported PyTorch file that make its cells, one for each kind of place."""

from __future__ import annotations

import re

from nasgym.export.source import bracketed
from nasgym.export.vocabulary import Vocabulary
from nasgym.networks.plan import NetworkPlan, Place

__all__ = ["cell_lines", "cell_makers"]


def cell_makers(plan: NetworkPlan) -> dict[Place, str]:
    """The name of the function that makes each place; places that are alike share it."""
    found: dict[Place, str] = {}
    for block in plan.blocks:
        if isinstance(block, Place) and block not in found:
            name = f"make_{_word(block)}_{block.channels}"
            more = "_reduced" if block.stride > 1 else ""
            taken, number = set(found.values()), 2
            while f"{name}{more}" in taken:
                more, number = f"_{number}", number + 1
            found[block] = f"{name}{more}"
    return found


def cell_lines(plan: NetworkPlan) -> list[list[str]]:
    """The functions, each as its lines."""
    words, found = Vocabulary(plan.parts), []
    for place, name in cell_makers(plan).items():
        concat = [str(i) for i, node in enumerate(place.cell.nodes, place.cell.inputs) if node.combine == "concat"]
        arguments = [f"inputs={place.cell.inputs}"] if place.cell.inputs > 1 else []
        arguments += [f"concat=({', '.join(concat)}{',' if len(concat) == 1 else ''})"] if concat else []
        lines = [
            f"def {name}() -> Cell:",
            f'    """Cell {_word(place)!r} with {place.channels} channels."""',
            *bracketed("    cell = Cell(", arguments, ")"),
        ]
        for target, (node, edges) in enumerate(zip(place.cell.nodes, place.edges, strict=True), place.cell.inputs):
            for edge, blocks in zip(node.edges, edges, strict=True):
                called = [(made, ", ".join(parts)) for made, parts in map(words.call, blocks)]
                parts = [str(edge.source), str(target), *(f"{made}({given})" for made, given in called)]
                lines += bracketed("    cell.edge(", parts, ")")
        found.append([*lines, "    return cell"])
    return found


def _word(place: Place) -> str:
    """The name of the cell as a part of Python's names."""
    return re.sub(r"\W+", "_", place.cell.name.lower(), flags=re.ASCII).strip("_")[:20] or "cell"
