"""Costs in closed form: sums over layers, or chains over neighbouring layers, with exact bounds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.count import layer_counts
from nasgym.networks.digits import digits_plan
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.oracles.oracle import Floats
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import WIDTHS, SizeSpace, TopologySpace
from nasgym.spaces.space import Archs, SearchSpace

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
                    here = here + (sign * self.pair[layer][None] + best[:, None, :]).min(axis=2)
            best = here
        assert best is not None, "a space has at least one layer"
        return np.asarray(best.min(axis=1) + sign * self.constant)


def counted_cost(space: SearchSpace, name: str, dataset: str = "cifar10") -> ChainCost:
    """MACs or parameters of a space, in units.

    Args:
        space: A space with a closed form.
        name: ``"macs"`` or ``"params"``.
        dataset: For NATS-Bench: sets image size and classes.

    Raises:
        UnknownName: The cost or the space has no closed form.
    """
    if name not in COUNTED:
        raise unknown_name("counted cost", name, COUNTED)
    match space:
        case DigitsSpace():
            return _from_plans(space, name)
        case NASBenchMacroSpace():
            return _from_plans(space, name)
        case SizeSpace():
            return _size_cost(space, name, dataset)
        case TopologySpace():
            return _topology_cost(space, name, dataset)
    raise unknown_name("space with counted costs", space.name, ("digits", "nas-bench-macro", "nats-sss", "nats-tss"))


def _from_plans(space: DigitsSpace | NASBenchMacroSpace, name: str) -> ChainCost:
    """Sums over layers: the shapes between the layers are fixed, so each option is counted once."""
    which = COUNTED.index(name)
    unary = [np.zeros(len(layer.options)) for layer in space.layers]
    constant = 0.0
    for option in range(max(len(u) for u in unary)):
        picked = np.array([[min(option, len(u) - 1) for u in unary]])
        arch = space.from_options(picked)[0]
        plan = digits_plan(space, arch) if isinstance(space, DigitsSpace) else nas_bench_macro_plan(space, arch)
        fixed, layers = layer_counts(plan)
        constant = float(fixed[which])
        for u, index, counts in zip(unary, picked[0], layers, strict=True):
            u[index] = counts[which]
    return ChainCost(space, name, constant, unary)


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
