"""What the environments render: one frame of an architecture under construction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nasgym.errors import unknown_name
from nasgym.type_aliases import Archs, Floats

if TYPE_CHECKING:
    from nasgym.envs.core import EnvCore

__all__ = ["RENDER_MODES", "Rendering", "check_render_mode", "render"]

Rendering: TypeAlias = str | npt.NDArray[np.uint8]

RENDER_MODES = ("ansi", "rgb_array", "svg")


def check_render_mode(render_mode: str | None) -> None:
    """Raises `UnknownName` where there is no such render mode."""
    if render_mode is not None and render_mode not in RENDER_MODES:
        raise unknown_name("render mode", render_mode, RENDER_MODES)


def render(
    mode: str,
    core: EnvCore,
    arch: Archs,
    step: int,
    targets: Floats | None,
    result: Mapping[str, Any] | None,
) -> Rendering:
    """One frame.

    ``"ansi"``: text; ``"svg"``: the text of a whole document; ``"rgb_array"``: ``(H, W, 3)`` uint8.

    Args:
        mode: One of `RENDER_MODES`.
        core: What is played.
        arch: ``(D,)`` the architecture so far.
        step: Steps made.
        targets: ``(1,)`` the episode's own target, or None.
        result: How the episode ended, or None.

    Raises:
        MissingPackage: Pixels need Pillow.
    """
    from nasgym.drawing import episode  # loaded only when something is drawn

    names, constraint = core.observer.steps.space.names, core.evaluator.constraint
    if targets is not None and constraint is not None:
        constraint = replace(constraint, upper=float(targets[0]))
    frame = episode.frame_of(
        core.evaluator,
        arch,
        next_decision=names[step] if step < len(names) else None,
        limits=constraint,
        result=result,
    )
    match mode:
        case "ansi":
            return episode.frame_text(frame)
        case "svg":
            return episode.frame_svg(frame)
        case _:
            return episode.frame_pixels(frame)
