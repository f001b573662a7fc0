"""From a space to its networks: the plan of an architecture of any space that has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from nasgym.errors import InvalidValue
from nasgym.networks.digits import digits_plan
from nasgym.networks.mobile_mnasnet import mnasnet_plan
from nasgym.networks.mobile_ofa import ofa_plan
from nasgym.networks.mobile_plans import SKELETONS, block_plan
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.networks.plan import NetworkPlan
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.registry import SPACES
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["PLANS", "Planner", "has_own_images", "has_plans", "plan_of", "planned_spaces"]

# from a space, a complete valid architecture ``(D,)`` and a scale to the network
Planner: TypeAlias = Callable[[Any, Archs, Scale], NetworkPlan]

# which plan an architecture stands for, by kind of space; rows of MBConv blocks are in `SKELETONS`
PLANS: dict[type[SearchSpace], Planner] = {
    DigitsSpace: lambda space, arch, _: digits_plan(space, arch),
    NASBenchMacroSpace: lambda space, arch, _: nas_bench_macro_plan(space, arch),
    MnasNetSpace: mnasnet_plan,
    OnceForAllSpace: ofa_plan,
}
# kinds whose images are those of their publication, whatever the scale
OWN_IMAGES = (DigitsSpace, NASBenchMacroSpace)


def _planners() -> dict[type[SearchSpace], Planner]:
    return {**PLANS, **dict.fromkeys(SKELETONS, block_plan)}


def _planner(space: SearchSpace) -> Planner | None:
    return next((planner for kind, planner in _planners().items() if isinstance(space, kind)), None)


def has_plans(space: SearchSpace) -> bool:
    """Whether the architectures of a space, or of a restriction of it, are plans."""
    return _planner(space) is not None


def has_own_images(space: SearchSpace) -> bool:
    """Whether its networks read images of one size, whatever scale they are asked for."""
    return isinstance(space, OWN_IMAGES)


def planned_spaces() -> list[SearchSpace]:
    """One space of each kind whose architectures are plans."""
    return [kind() for kind in _planners()]  # type: ignore[call-arg]  # none takes an argument


def plan_of(space: SearchSpace, arch: Archs, scale: Scale = IMAGENET) -> NetworkPlan:
    """The network of an architecture, ``(D,)``.

    Args:
        space: One with plans (`has_plans`), or a restriction of it.
        arch: A complete valid architecture.
        scale: For the mobile spaces; the others have their own images.

    Raises:
        InvalidValue: The space has no plans.
    """
    planner = _planner(space)
    if planner is not None:
        return planner(space, arch, scale)
    names = ", ".join(planned.name for planned in planned_spaces())
    if space.name in SPACES.names():
        raise InvalidValue(
            f"networks of space {space.name!r} are not described block by block; spaces with networks are {names}."
        )
    raise InvalidValue(
        f"{space.name!r} is none of the built-in spaces, so its networks are not known; those known are {names}."
    )
