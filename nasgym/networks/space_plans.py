"""From a space to its networks: the plan of an architecture of any space that has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.networks.digits import digits_plan
from nasgym.networks.mobile_mnasnet import mnasnet_plan
from nasgym.networks.mobile_ofa import ofa_plan
from nasgym.networks.mobile_plans import SKELETONS, block_plan
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.networks.nats_bench import CIFAR10, DATASETS, size_plan, topology_plan
from nasgym.networks.plan import NetworkPlan
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.registry import SPACES
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = [
    "PLANS",
    "Planner",
    "dataset_scale",
    "has_layers",
    "has_own_images",
    "has_plans",
    "plan_of",
    "planned_spaces",
    "published_scale",
]

# from a space, a complete valid architecture ``(D,)`` and a scale to the network
Planner: TypeAlias = Callable[[Any, Archs, Scale], NetworkPlan]

# which plan an architecture stands for, by kind of space; rows of MBConv blocks are in `SKELETONS`
PLANS: dict[type[SearchSpace], Planner] = {
    DigitsSpace: lambda space, arch, _: digits_plan(space, arch),
    NASBenchMacroSpace: lambda space, arch, _: nas_bench_macro_plan(space, arch),
    TopologySpace: topology_plan,
    SizeSpace: size_plan,
    MnasNetSpace: mnasnet_plan,
    OnceForAllSpace: ofa_plan,
}
# kinds whose images are those of their publication, whatever the scale
OWN_IMAGES = (DigitsSpace, NASBenchMacroSpace)
# kinds that were not published for ImageNet
PUBLISHED: dict[type[SearchSpace], Scale] = {TopologySpace: CIFAR10, SizeSpace: CIFAR10}
# kinds whose layers decide one cell together, which stands in many places
OF_CELLS = (TopologySpace,)


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


def has_layers(space: SearchSpace) -> bool:
    """Whether each layer of the space is a layer of its plans.

    Where the layers decide a cell together, the layers of its plans are the places of cells.
    """
    return has_plans(space) and not isinstance(space, OF_CELLS)


def published_scale(space: SearchSpace) -> Scale:
    """What the networks of a space were published for."""
    return next((scale for kind, scale in PUBLISHED.items() if isinstance(space, kind)), IMAGENET)


def dataset_scale(space: SearchSpace, dataset: str) -> Scale | None:
    """What the networks of a space are built for on a data set of its publication.

    None where they have one size, whatever the data set.
    """
    return DATASETS.get(dataset) if isinstance(space, TopologySpace | SizeSpace) else None


def planned_spaces() -> list[SearchSpace]:
    """One space of each kind whose architectures are plans."""
    return [kind() for kind in _planners()]  # type: ignore[call-arg]  # none takes an argument


def plan_of(space: SearchSpace, arch: Archs, scale: Scale | None = None) -> NetworkPlan:
    """The network of an architecture, ``(D,)``.

    Args:
        space: One with plans (`has_plans`), or a restriction of it.
        arch: A complete valid architecture.
        scale: Images, classes and width, by default those of the publication; spaces with images
            of their own have one scale (`has_own_images`).

    Raises:
        InvalidValue: The space has no plans, or the architecture is a batch, not complete, or not
            valid in the space.
    """
    planner = _planner(space)
    if planner is not None:
        if np.ndim(arch) != 1:
            raise InvalidValue(f"a plan is of one architecture, ({space.num_decisions},), got the shape {np.shape(arch)}.")
        # at most 0.2 ms, less than building takes; unchecked, an open choice would read the last
        # label of its decision
        space.valid_options(np.asarray(arch)[None])
        return planner(space, arch, scale or published_scale(space))
    names = ", ".join(planned.name for planned in planned_spaces())
    if space.name in SPACES.names():
        raise InvalidValue(
            f"networks of space {space.name!r} are not described block by block; spaces with networks are {names}."
        )
    raise InvalidValue(
        f"{space.name!r} is none of the built-in spaces, so its networks are not known; those known are {names}."
    )
