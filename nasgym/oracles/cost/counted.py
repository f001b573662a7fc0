"""Costs in closed form, with exact bounds: MACs, parameters, size and peak memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.count import block_macs, block_params, head_macs, head_params
from nasgym.networks.memory import KB, Precision, block_bytes, block_peak, head_bytes, head_peak
from nasgym.networks.mobile_mnasnet import block_layers, strides_of
from nasgym.networks.mobile_ofa import image_size
from nasgym.networks.plan import Block, Head, NetworkPlan, out_channels, out_size
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.networks.space_plans import has_plans, plan_of, planned_spaces
from nasgym.oracles.cost.cases import CasesCost
from nasgym.oracles.cost.chain import ChainCost
from nasgym.oracles.layer_terms import Combine
from nasgym.spaces.decision import Label
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_ofa import RESOLUTIONS, OnceForAllSpace
from nasgym.spaces.nats_bench import WIDTHS, SizeSpace, TopologySpace
from nasgym.spaces.space import SearchSpace

__all__ = ["COUNTED", "MEASURES", "MEMORY", "Measure", "counted_cost", "counted_names", "counted_of"]


@dataclass(frozen=True)
class Measure:
    """A cost of plans, made of terms of blocks.

    Attributes:
        block: Term of a block, given the pixels of a side of its input.
        head: Term of the head, likewise.
        combine: How the terms make the cost.
        unit: What a term is divided by.
        of_skips: Whether the residuals of a block change its term.
    """

    block: Callable[[Block, int], int]
    head: Callable[[Head, int], int]
    combine: Combine = "sum"
    unit: int = 1
    of_skips: bool = False

    def terms(self, plan: NetworkPlan) -> tuple[float, list[float]]:
        """The term of everything fixed (stem, neck, head), and of each searched layer."""
        stem, size = self.run(plan.stem, plan.input_shape[1])
        layers = []
        for blocks in plan.layers:
            term, size = self.run(blocks, size)
            layers.append(term)
        neck, size = self.run(plan.neck, size)
        return self.join(stem, neck, self.head(plan.head, size) / self.unit), layers

    def run(self, blocks: tuple[Block, ...], size: int) -> tuple[float, int]:
        """The term of consecutive blocks, and the size after them."""
        terms = []
        for block in blocks:
            terms.append(self.block(block, size) / self.unit)
            size = out_size(size, block)
        return self.join(*terms), size

    def join(self, *terms: float) -> float:
        """All terms together."""
        return float(sum(terms)) if self.combine == "sum" else max(terms, default=0.0)


def _size(precision: Precision) -> Measure:
    return Measure(lambda block, _: block_bytes(block, precision), lambda head, _: head_bytes(head, precision), unit=KB)


def _peak(precision: Precision) -> Measure:
    block, head = partial(block_peak, precision=precision), partial(head_peak, precision=precision)
    return Measure(block, head, "largest", KB, of_skips=True)


MEASURES: dict[str, Measure] = {
    "macs": Measure(block_macs, lambda head, _: head_macs(head)),
    "params": Measure(lambda block, _: block_params(block), lambda head, _: head_params(head)),
    "size_kb": _size("float32"),
    "size_kb@int8": _size("int8"),
    "peak_memory_kb": _peak("float32"),
    "peak_memory_kb@int8": _peak("int8"),
}
# of every space with a closed form, and of those whose architectures are plans
COUNTED = ("macs", "params")
MEMORY = tuple(name for name in MEASURES if name not in COUNTED)


def counted_names(space: SearchSpace) -> tuple[str, ...]:
    """The names of a space's counted costs."""
    if has_plans(space):
        return tuple(MEASURES)
    return COUNTED if isinstance(space, SizeSpace | TopologySpace) else ()


def counted_cost(space: SearchSpace, name: str, dataset: str = "cifar10", scale: Scale = IMAGENET) -> ChainCost | CasesCost:
    """A cost of a space in closed form.

    Args:
        space: A space with a closed form.
        name: ``"macs"`` or ``"params"``, in units; ``"size_kb"`` or ``"peak_memory_kb"`` in
            kilobytes, for float32, or with ``"@int8"`` after it (`nasgym.networks.memory`).
        dataset: For NATS-Bench: sets image size and classes.
        scale: For the mobile spaces: images, classes and width.

    Raises:
        UnknownName: The cost or the space has no closed form.
        InvalidValue: The space has no plans, which sizes and memory are counted from.
    """
    if name not in MEASURES:
        raise unknown_name("counted cost", name, MEASURES)
    match space:
        case SizeSpace() | TopologySpace() if name in MEMORY:
            raise InvalidValue(
                f"cost {name!r} is counted from the blocks of a network, and the cells of {space.name!r} are not described as "
                f"such; its counted costs are {', '.join(COUNTED)}."
            )
        case SizeSpace():
            return _size_cost(space, name, dataset)
        case TopologySpace():
            return _topology_cost(space, name, dataset)
        case MnasNetSpace():
            return _mnasnet_cost(space, name, scale)
        case OnceForAllSpace():
            return _ofa_cost(space, name, scale)
    if has_plans(space):
        return _from_plans(space, name, _option_plans(space, scale))
    known = [one.name for one in (*planned_spaces(), SizeSpace(), TopologySpace())]
    raise unknown_name("space with counted costs", space.name, known)


def counted_of(space: SearchSpace, name: str) -> ChainCost | CasesCost:
    """`counted_cost` of a space or of a restriction of it, at the size of the publication.

    The whole space is counted once per process: that takes seconds for large spaces, and is the
    same for every problem.

    Raises:
        NasgymError: As `counted_cost`.
    """
    whole = _whole(type(space), name)  # type: ignore[arg-type]  # a class has a hash, whatever its instances define
    return whole if whole.space.fingerprint == space.fingerprint else whole.narrow(space)


@lru_cache(maxsize=64)
def _whole(kind: type[SearchSpace], name: str) -> ChainCost | CasesCost:
    return counted_cost(kind(), name)  # type: ignore[call-arg]  # none takes an argument


def _option_plans(space: SearchSpace, scale: Scale) -> list[tuple[list[int], NetworkPlan]]:
    """Plans that show every option of every layer, each with the option that its layers have."""
    counts = [layer.count for layer in space.layers]
    picked = [[min(option, count - 1) for count in counts] for option in range(max(counts))]
    return [(row, plan_of(space, space.from_options(np.array([row]))[0], scale)) for row in picked]


def _from_plans(space: SearchSpace, name: str, plans: list[tuple[list[int], NetworkPlan]]) -> ChainCost:
    """Terms of layers: the shapes between the layers are fixed, so each option is counted once."""
    measure = MEASURES[name]
    unary, constant = [np.zeros(layer.count) for layer in space.layers], 0.0
    for picked, plan in plans:
        constant, layers = measure.terms(plan)
        for u, index, term in zip(unary, picked, layers, strict=True):
            u[index] = term
    return ChainCost(space, name, constant, unary, combine=measure.combine)


def _ofa_cost(space: OnceForAllSpace, name: str, scale: Scale) -> CasesCost:
    """One case for each image size: the blocks are the same, but not what they cost."""
    plans, cases = _option_plans(space, scale), []
    for option in space.layers[0].options[:, 0].tolist():
        size = image_size(RESOLUTIONS[option], scale)
        sized = [(picked, replace(plan, input_shape=(scale.input_shape[0], size, size))) for picked, plan in plans]
        cases.append(_from_plans(space, name, sized))
    return CasesCost(space, cases)


def _mnasnet_cost(space: MnasNetSpace, name: str, scale: Scale) -> ChainCost:
    """A chain: a block's cost depends on its choices and on the width of the block before it."""
    measure = MEASURES[name]
    plan = plan_of(space, space.default, scale)
    size = out_size(scale.input_shape[1], plan.stem[0])
    before = np.array([out_channels(plan.stem[0])])
    unary, pair = [np.zeros(layer.count) for layer in space.layers], []
    for index, (layer, stride) in enumerate(zip(space.layers, strides_of(scale)[1:], strict=True)):
        options = [
            tuple(space.decisions[c].choices[i] for c, i in zip(layer.columns, row, strict=True))
            for row in layer.options.tolist()
        ]
        widths, rows = np.unique(before, return_inverse=True)
        terms = [
            [_block_term(name, index, labels, width, stride, size, scale) for labels in options] for width in widths.tolist()
        ]
        table = np.array(terms, dtype=np.float64)
        if index:
            pair.append(table[rows.reshape(-1), :, 0])
        else:
            unary[0] = table[0, :, 0]
        before = table[0, :, 1].astype(np.int64)
        size = -(-size // stride)
    for width in np.unique(before).tolist():
        fixed, _ = measure.terms(replace(plan, neck=(replace(plan.neck[0], in_channels=width),)))
        unary[-1][before == width] = fixed
    return ChainCost(space, name, 0.0, unary, pair, combine=measure.combine)


def _block_term(
    name: str, index: int, labels: tuple[Label, ...], in_channels: int, stride: int, size: int, scale: Scale
) -> tuple[float, int]:
    """(term, output channels) of a MnasNet block; a skip costs nothing in most measures."""
    labels = labels if MEASURES[name].of_skips else (*labels[:3], "none", *labels[4:])
    return _cached_term(name, index, labels, in_channels, stride, size, scale)


@lru_cache(maxsize=16_384)
def _cached_term(
    name: str, index: int, labels: tuple[Label, ...], in_channels: int, stride: int, size: int, scale: Scale
) -> tuple[float, int]:
    blocks = block_layers(index, labels, in_channels, stride, scale)
    return MEASURES[name].run(blocks, size)[0], out_channels(blocks[-1])


def _image(dataset: str) -> tuple[int, int]:
    """(pixels of an image, classes) of a NATS-Bench data set."""
    known = {"cifar10": (32 * 32, 10), "cifar100": (32 * 32, 100), "ImageNet16-120": (16 * 16, 120)}
    if dataset not in known:
        raise unknown_name("dataset", dataset, known)
    return known[dataset]


def _size_cost(space: SizeSpace, name: str, dataset: str) -> ChainCost:
    """NATS-Bench size in closed form, equal to the published values to the last digit.

    `tests/oracles/cost/test_counted.py` compares them.
    """
    a, classes = _image(dataset)
    b, d = a / 4, a / 16
    w = np.array(WIDTHS, dtype=np.float64)
    x, y, differ = w[:, None], w[None, :], (w[:, None] != w[None, :]).astype(np.float64)
    if name == "macs":
        unary = [27 * w * a + 45 * w**2 * a, 9 * w**2 * b, 27 * w**2 * b, 9 * w**2 * d, 27 * w**2 * d + w * classes]
        pair = [
            (9 * x * y + x * y) * b,
            (18 * x * y + differ * x * y) * b,
            (9 * x * y + x * y) * d,
            (18 * x * y + differ * x * y) * d,
        ]
    else:
        unary = [29 * w + 45 * w**2 + 10 * w, 9 * w**2 + 4 * w, 27 * w**2 + 10 * w]
        unary += [9 * w**2 + 4 * w, 27 * w**2 + 10 * w + 2 * w + w * classes]
        wide = 18 * x * y + differ * (x * y + 2 * y)
        pair = [10 * x * y, wide, 10 * x * y, wide]
    return ChainCost(space, name, float(classes), unary, pair)


def _topology_cost(space: TopologySpace, name: str, dataset: str) -> ChainCost:
    """NATS-Bench topology: only the numbers of 1x1 and 3x3 convolutions in the cell matter."""
    a, classes = _image(dataset)
    weight = np.array([0.0, 0.0, 1.0, 9.0, 0.0])  # kernel area by operation, in the order of OPS
    norms = np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    stages = ((16, a), (32, a / 4), (64, a / 16))
    if name == "macs":
        unary = sum(5 * weight * c**2 * area for c, area in stages)
        fixed = 27 * 16 * a + sum((9 * c // 2 * c + 9 * c**2 + c // 2 * c) * area for c, area in stages[1:]) + 65 * classes
    else:
        unary = sum(5 * (weight * c**2 + 2 * c * norms) for c, _ in stages)
        fixed = 432 + 32 + sum(9 * c // 2 * c + 9 * c**2 + c // 2 * c + 4 * c for c, _ in stages[1:]) + 128 + 65 * classes
    return ChainCost(space, name, float(fixed), [np.asarray(unary)] * len(space.layers))
