"""Costs in closed form: sums over layers, or chains over neighbouring layers, with exact bounds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.count import block_macs, block_params, layer_counts
from nasgym.networks.mobile_mnasnet import block_layers, strides_of
from nasgym.networks.of_space import PLANNED, plan_of
from nasgym.networks.plan import out_channels, out_size
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.oracles.oracle import Floats
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.nats_bench import WIDTHS, SizeSpace, TopologySpace
from nasgym.spaces.space import Archs, Label, SearchSpace

__all__ = ["COUNTED", "ChainCost", "counted_cost"]

COUNTED = ("macs", "params")


class ChainCost:
    """``constant + sum of unary[l][option of layer l] + sum of pair[l][option of l, option of l + 1]``.

    Args:
        space: The space; terms are indexed by its layers' options.
        name: Name with unit.
        constant: What every architecture costs.
        unary: One ``(m_l,)`` array a layer.
        pair: One ``(m_l, m_{l+1})`` array for each two neighbouring layers, or None for a plain sum.
    """

    free = True

    def __init__(
        self, space: SearchSpace, name: str, constant: float, unary: Sequence[Floats], pair: Sequence[Floats] | None = None
    ) -> None:
        self.space, self.name, self.constant = space, name, constant
        self.unary, self.pair = [np.asarray(u, dtype=np.float64) for u in unary], pair
        shapes = [len(layer.options) for layer in space.layers]
        if [len(u) for u in self.unary] != shapes:
            raise InvalidValue(f"cost {name!r} has terms for {[len(u) for u in self.unary]} options, the space has {shapes}.")
        # padded, so that one indexing reads the terms of all layers
        widest = max(shapes)
        self._unary = np.stack([np.pad(u, (0, widest - len(u))) for u in self.unary])
        padded = [np.pad(p, [(0, widest - n) for n in p.shape]) for p in pair or ()]
        self._pair = np.stack(padded) if padded else None
        # many options are alike in what they mean to the next layer: bounds look at each kind once
        self._kinds = [np.unique(p, axis=0, return_inverse=True) for p in pair or ()]
        digest = hashlib.sha256(f"{name}:{space.fingerprint}:{constant}".encode())
        for term in (*self.unary, *(pair or ())):
            digest.update(np.ascontiguousarray(term, dtype=np.float64).tobytes())
        self.fingerprint = "counted:" + digest.hexdigest()[:16]

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` cost of complete valid architectures.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in the space.
        """
        options = self.space.valid_options(archs)
        total = self.constant + self._unary[np.arange(options.shape[1]), options].sum(axis=1)
        if self._pair is not None:
            total += self._pair[np.arange(options.shape[1] - 1), options[:, :-1], options[:, 1:]].sum(axis=1)
        return np.asarray(total)

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest cost over the completions of partial architectures, exact, by one pass over the layers.

        Raises:
            InvalidValue: A row has no valid completion.
        """
        least, largest = self._extreme(archs, +1.0), self._extreme(archs, -1.0)
        if np.isinf(least).any():
            row = int(np.flatnonzero(np.isinf(least))[0])
            raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, has no valid completion in {self.space.name!r}.")
        return least, -largest

    def narrow(self, space: SearchSpace) -> ChainCost:
        """The same cost over a restriction of the space, so that bounds are those of its completions."""
        keep = []
        for whole, part in zip(self.space.layers, space.layers, strict=True):
            keep.append(whole.rank[part.options @ whole.radix])
        pair = self.pair and [term[np.ix_(k, after)] for term, k, after in zip(self.pair, keep, keep[1:], strict=False)]
        return ChainCost(space, self.name, self.constant, [u[k] for u, k in zip(self.unary, keep, strict=True)], pair)

    def _extreme(self, archs: Archs, sign: float) -> Floats:
        """Minimum of sign * cost over completions; from the last layer to the first."""
        best: Floats | None = None
        for layer in reversed(range(len(self.unary))):
            here = np.where(self.space.consistent(archs, layer), sign * self.unary[layer], np.inf)
            if best is not None:
                if self.pair is None:
                    here = here + best.min(axis=1, keepdims=True)
                else:
                    kinds, kind = self._kinds[layer]
                    here = here + (sign * kinds[None] + best[:, None, :]).min(axis=2)[:, kind.reshape(-1)]
            best = here
        assert best is not None, "a space has at least one layer"
        return np.asarray(best.min(axis=1) + sign * self.constant)


def counted_cost(space: SearchSpace, name: str, dataset: str = "cifar10", scale: Scale = IMAGENET) -> ChainCost:
    """MACs or parameters of a space, in units.

    Args:
        space: A space with a closed form.
        name: ``"macs"`` or ``"params"``.
        dataset: For NATS-Bench: sets image size and classes.
        scale: For the mobile spaces: images, classes and width.

    Raises:
        UnknownName: The cost or the space has no closed form.
    """
    if name not in COUNTED:
        raise unknown_name("counted cost", name, COUNTED)
    match space:
        case MnasNetSpace():
            return _mnasnet_cost(space, name, scale)
        case SizeSpace():
            return _size_cost(space, name, dataset)
        case TopologySpace():
            return _topology_cost(space, name, dataset)
    if isinstance(space, PLANNED):
        return _from_plans(space, name, scale)
    known = [kind().name for kind in (*PLANNED, SizeSpace, TopologySpace)]
    raise unknown_name("space with counted costs", space.name, known)


def _from_plans(space: SearchSpace, name: str, scale: Scale) -> ChainCost:
    """Sums over layers: the shapes between the layers are fixed, so each option is counted once."""
    which = COUNTED.index(name)
    unary = [np.zeros(len(layer.options)) for layer in space.layers]
    constant = 0.0
    for option in range(max(len(u) for u in unary)):
        picked = np.array([[min(option, len(u) - 1) for u in unary]])
        fixed, layers = layer_counts(plan_of(space, space.from_options(picked)[0], scale))
        constant = float(fixed[which])
        for u, index, counts in zip(unary, picked[0], layers, strict=True):
            u[index] = counts[which]
    return ChainCost(space, name, constant, unary)


def _mnasnet_cost(space: MnasNetSpace, name: str, scale: Scale) -> ChainCost:
    """A chain: a block's cost depends on its own choices and on the width of the block before it."""
    which = COUNTED.index(name)
    plan = plan_of(space, space.default, scale)
    size = out_size(scale.input_shape[1], plan.stem[0])
    before = np.array([out_channels(plan.stem[0])])
    unary, pair = [np.zeros(len(layer.options)) for layer in space.layers], []
    for index, (layer, stride) in enumerate(zip(space.layers, strides_of(scale)[1:], strict=True)):
        options = [
            tuple(space.decisions[c].choices[i] for c, i in zip(layer.columns, row, strict=True))
            for row in layer.options.tolist()
        ]
        widths, rows = np.unique(before, return_inverse=True)
        counts = [[_block_counts(index, labels, width, stride, size, scale) for labels in options] for width in widths.tolist()]
        table = np.array(counts, dtype=np.float64)
        if index:
            pair.append(table[rows.reshape(-1), :, which])
        else:
            unary[0] += table[0, :, which]
        before = table[0, :, 2].astype(np.int64)
        size = -(-size // stride)
    for width in np.unique(before).tolist():
        neck = replace(plan.neck[0], in_channels=width)
        unary[-1][before == width] += layer_counts(replace(plan, neck=(neck,)))[0][which]
    return ChainCost(space, name, 0.0, unary, pair)


def _block_counts(
    index: int, labels: tuple[Label, ...], in_channels: int, stride: int, size: int, scale: Scale
) -> tuple[int, int, int]:
    """(MACs, parameters, output channels) of a block of the MnasNet space; a skip costs nothing."""
    return _cached_counts(index, (*labels[:3], "none", *labels[4:]), in_channels, stride, size, scale)


@lru_cache(maxsize=4096)
def _cached_counts(
    index: int, labels: tuple[Label, ...], in_channels: int, stride: int, size: int, scale: Scale
) -> tuple[int, int, int]:
    macs = params = 0
    for block in block_layers(index, labels, in_channels, stride, scale):
        macs += block_macs(block, size)
        params += block_params(block)
        size = out_size(size, block)
    return macs, params, out_channels(block)


def _image(dataset: str) -> tuple[int, int]:
    """(pixels of an image, classes) of a NATS-Bench data set."""
    known = {"cifar10": (32 * 32, 10), "cifar100": (32 * 32, 100), "ImageNet16-120": (16 * 16, 120)}
    if dataset not in known:
        raise unknown_name("dataset", dataset, known)
    return known[dataset]


def _size_cost(space: SizeSpace, name: str, dataset: str) -> ChainCost:
    """NATS-Bench size in closed form, equal to the published values to the last digit (`tests/oracles/test_counted.py`)."""
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
