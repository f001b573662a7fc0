"""Costs in closed form, with exact bounds: MACs, parameters, size and peak memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.count import block_macs, block_params, head_macs, head_params
from nasgym.networks.memory import KB, Precision, block_bytes, block_peak, head_bytes, head_peak
from nasgym.networks.mobile_mnasnet import block_layers, strides_of
from nasgym.networks.mobile_ofa import image_size
from nasgym.networks.nats_bench import DATASETS
from nasgym.networks.plan import Block, Head, NetworkPlan, Place, out_channels, out_size
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
from nasgym.type_aliases import Ints

__all__ = ["COUNTED", "MEASURES", "MEMORY", "Measure", "counted_cost", "counted_names", "counted_of"]


@dataclass(frozen=True)
class Measure:
    """A cost of plans, made of terms of blocks.

    Attributes:
        block: Term of a block, given the pixels of a side of each of its inputs.
        head: Term of the head, likewise.
        combine: How the terms make the cost.
        unit: What a term is divided by.
        of_skips: Whether the residuals of a block change its term.
    """

    block: Callable[..., int]
    head: Callable[[Head, int], int]
    combine: Combine = "sum"
    unit: int = 1
    of_skips: bool = False

    def terms(self, plan: NetworkPlan) -> tuple[float, list[float]]:
        """The term of everything fixed (stem, neck, head), and of each searched layer."""
        # what is fixed has the layer -1, the last entry
        found: list[list[float]] = [[] for _ in range(len(plan.layers) + 1)]
        for step in plan.steps:
            found[step.layer].append(self.block(step.block, *step.sizes) / self.unit)
        found[-1].append(self.head(plan.head, plan.size) / self.unit)
        *layers, fixed = (self.join(*terms) for terms in found)
        return fixed, layers

    def run(self, blocks: tuple[Block | Place, ...], size: int) -> tuple[float, int]:
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
    return Measure(lambda block, *_: block_bytes(block, precision), lambda head, _: head_bytes(head, precision), unit=KB)


def _peak(precision: Precision) -> Measure:
    block, head = partial(block_peak, precision=precision), partial(head_peak, precision=precision)
    return Measure(block, head, "largest", KB, of_skips=True)


MEASURES: dict[str, Measure] = {
    "macs": Measure(block_macs, lambda head, _: head_macs(head)),
    "params": Measure(lambda block, *_: block_params(block), lambda head, _: head_params(head)),
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
    if not has_plans(space):
        return ()
    # what a cell holds at once is no sum of what its edges hold
    return tuple(name for name in MEASURES if not isinstance(space, TopologySpace) or MEASURES[name].combine == "sum")


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
        InvalidValue: The peak memory of a topology, which has no terms of decisions.
    """
    if name not in MEASURES:
        raise unknown_name("counted cost", name, MEASURES)
    match space:
        case TopologySpace() if name not in counted_names(space):
            raise InvalidValue(
                f"cost {name!r} of {space.name!r} depends on all edges of a cell together, so it has no terms of decisions and no "
                f"exact bounds; its counted costs are {', '.join(counted_names(space))}, and "
                "nasgym.networks.memory.peak_memory_kb() counts one network."
            )
        case TopologySpace():
            return _topology_cost(space, name, _scale_of(dataset))
        case SizeSpace() if name in COUNTED:
            return _closed_size_cost(space, name, dataset)
        case SizeSpace():
            return _size_cost(space, name, _scale_of(dataset))
        case MnasNetSpace():
            return _mnasnet_cost(space, name, scale)
        case OnceForAllSpace():
            return _ofa_cost(space, name, scale)
    if has_plans(space):
        return _from_plans(space, name, _option_plans(space, scale))
    raise unknown_name("space with counted costs", space.name, [one.name for one in planned_spaces()])


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
    size = plan.steps[0].size
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


def _scale_of(dataset: str) -> Scale:
    """Images and classes of a NATS-Bench data set."""
    if dataset not in DATASETS:
        raise unknown_name("dataset", dataset, DATASETS)
    return DATASETS[dataset]


def _topology_cost(space: TopologySpace, name: str, scale: Scale) -> ChainCost:
    """Every edge adds a term of its own in each place of the cell; ``none`` adds nothing.

    Terms are what an option adds to the first one of its edge.
    """
    measure, first = MEASURES[name], np.zeros(space.num_decisions, dtype=np.int64)

    def counted(options: Ints) -> float:
        # of a restricted space, too, the options are those that are left
        fixed, layers = measure.terms(plan_of(space, space.from_options(options[None])[0], scale))
        return measure.join(fixed, *layers)

    constant, unary = counted(first), [np.zeros(layer.count) for layer in space.layers]
    for index, terms in enumerate(unary):
        for option in range(len(terms)):
            options = first.copy()
            options[index] = option
            terms[option] = counted(options) - constant
    return ChainCost(space, name, constant, unary)


def _size_cost(space: SizeSpace, name: str, scale: Scale) -> ChainCost:
    """A chain: what a layer costs depends on its width and on the one before it."""
    measure, widths, layers = MEASURES[name], len(WIDTHS), len(space.layers)
    unary = [np.zeros(widths) for _ in space.layers]
    pair = [np.zeros((widths, widths)) for _ in space.layers[1:]]
    for before, after in itertools.product(range(widths), repeat=2):
        # widths by turns: every second layer goes from the one to the other
        for first, widths_of in enumerate(((before, after), (after, before))):
            plan = plan_of(space, np.array([widths_of[i % 2] for i in range(layers)], dtype=np.int8), scale)
            _, terms = measure.terms(plan)
            for number in range(first, layers - 1, 2):
                pair[number][before, after] = terms[number + 1]
            unary[0][widths_of[0]] = measure.join(measure.run(plan.stem, plan.input_shape[1])[0], terms[0])
            end = measure.run(plan.neck, plan.size)[0], measure.head(plan.head, plan.size) / measure.unit
            unary[-1][widths_of[(layers - 1) % 2]] = measure.join(*end)
    return ChainCost(space, name, 0.0, unary, pair, combine=measure.combine)


def _closed_size_cost(space: SizeSpace, name: str, dataset: str) -> ChainCost:
    """MACs and parameters of NATS-Bench size as polynomials of the widths.

    They are those of the plans, and of the publication, to the last digit
    (`tests/oracles/cost/test_counted.py`).
    """
    scale = _scale_of(dataset)
    a, classes = scale.input_shape[1] ** 2, scale.num_classes
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
