"""From a space to its networks: the plan of an architecture of any space that has one."""

from __future__ import annotations

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
from nasgym.spaces.mobile_blocks import BlockSpace
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["PLANNED", "plan_of"]

# the spaces whose architectures are plans; none takes an argument
PLANNED: tuple[type[SearchSpace], ...] = (DigitsSpace, NASBenchMacroSpace, MnasNetSpace, *SKELETONS, OnceForAllSpace)


def plan_of(space: SearchSpace, arch: Archs, scale: Scale = IMAGENET) -> NetworkPlan:
    """The network of an architecture, ``(D,)``.

    Args:
        space: One of `PLANNED`, or a restriction of it.
        arch: A complete valid architecture.
        scale: For the mobile spaces; the others have their own images.

    Raises:
        InvalidValue: The space has no plans.
    """
    match space:
        case DigitsSpace():
            return digits_plan(space, arch)
        case NASBenchMacroSpace():
            return nas_bench_macro_plan(space, arch)
        case MnasNetSpace():
            return mnasnet_plan(space, arch, scale)
        case OnceForAllSpace():
            return ofa_plan(space, arch, scale)
        case BlockSpace() if isinstance(space, tuple(SKELETONS)):
            return block_plan(space, arch, scale)
    names = ", ".join(kind().name for kind in PLANNED)  # type: ignore[call-arg]  # none takes an argument
    if space.name in SPACES.names():
        raise InvalidValue(
            f"networks of space {space.name!r} are not described block by block; spaces with networks are {names}."
        )
    raise InvalidValue(
        f"{space.name!r} is none of the built-in spaces, so its networks are not known; those known are {names}."
    )
