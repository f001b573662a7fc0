"""A plan as JSON-able values from which fingerprints are made: what a network is, and nothing else.

Names of plans and of their cells are left out, and so are fields of blocks that have their default:
a field that a later version adds changes no fingerprint of a network that does not use it. For the
same reason a default is never changed. Files for other programs are written by
`nasgym.export.json_text`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields
from typing import Any

from nasgym.networks.cell import Cell
from nasgym.networks.plan import Block, Head, NetworkPlan, Place

__all__ = ["plan_hash", "plan_values"]


def plan_values(plan: NetworkPlan) -> dict[str, Any]:
    """Shape of the images, blocks of each part, head, and cells by their numbers."""
    cells = plan.cells
    values: dict[str, Any] = {
        "input_shape": list(plan.input_shape),
        "stem": [_values(block, cells) for block in plan.stem],
        "layers": [[_values(block, cells) for block in layer] for layer in plan.layers],
        "neck": [_values(block, cells) for block in plan.neck],
        "head": _values(plan.head, cells),
    }
    return values | ({"cells": [_cell_values(cell) for cell in cells]} if cells else {})


def plan_hash(plan: NetworkPlan) -> str:
    """Hash of `plan_values` (64 hex digits)."""
    return hashlib.sha256(json.dumps(plan_values(plan), sort_keys=True).encode()).hexdigest()


def _values(block: Block | Place | Head, cells: tuple[Cell, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"block": type(block).__name__.lower()}
    for field in fields(block):
        value = getattr(block, field.name)
        if isinstance(value, Cell):
            found[field.name] = cells.index(value)
        elif field.default is MISSING or value != field.default:
            found[field.name] = list(value) if isinstance(value, tuple) else value
    return found


def _cell_values(cell: Cell) -> dict[str, Any]:
    nodes = [
        {"combine": node.combine, "edges": [[edge.source, edge.op, edge.strided] for edge in node.edges]} for node in cell.nodes
    ]
    return {"inputs": cell.inputs, "nodes": nodes}
