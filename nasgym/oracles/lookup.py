"""`LookupCost`: latency as a sum of block latencies, with exact bounds."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from nasgym.devices.device_file import Device
from nasgym.devices.layout import BlockLayout, Blocks, block_layout
from nasgym.devices.missing import Missing, fill_missing
from nasgym.errors import InvalidValue
from nasgym.oracles.oracle import Floats, Ints
from nasgym.spaces.decision import OPEN
from nasgym.spaces.space import Archs, Layer, SearchSpace

__all__ = ["LookupCost"]


class LookupCost:
    """The sum of a device's block latencies: fixed blocks, and those of each layer's option.

    Where the first layer sets the image size, there is one such sum for each of its options; bounds are then the extremes
    over those that a partial architecture still allows. Bounds are exact for any partial architecture, not only for prefixes:
    every layer has a table over its partly decided states.

    Args:
        space: The space or a restriction of it.
        device: Measured for that space.
        name: Name with unit under which the cost goes.
        missing: What to do about blocks that were not measured: ``"error"`` or ``"interpolate"``.
        layout: The space's blocks, where they are not those of `block_layout`.

    Attributes:
        interpolated: Blocks whose latency is an estimate; empty unless asked for.
        provenance: One sentence: device, runtime, and how many latencies are estimates.

    Raises:
        InvalidValue: The device was measured for another space.
        DataError: Blocks are missing.
    """

    free = True

    def __init__(
        self,
        space: SearchSpace,
        device: Device,
        *,
        name: str = "latency_ms",
        missing: Missing = "error",
        layout: BlockLayout | None = None,
    ) -> None:
        if device.space != space.name:
            raise InvalidValue(
                f"device {device.name!r} was measured for the blocks of space {device.space!r}, not of {space.name!r}; name a "
                f"device of {space.name!r}."
            )
        self.space, self.device, self.name, self.missing = space, device, name, missing
        self._layout = layout
        blocks = block_layout(space, device.model) if layout is None else layout
        self._ms, self.interpolated = fill_missing(device, blocks, missing)
        self._set_terms(blocks)
        digest = hashlib.sha256(f"{name}:{device.fingerprint}:{space.fingerprint}".encode())
        for block in self.interpolated:
            digest.update(f"{block}={self._ms[block]!r}".encode())
        mark = f"lookup+{len(self.interpolated)}estimates" if self.interpolated else "lookup"
        self.fingerprint = f"{mark}:{digest.hexdigest()[:16]}"
        self.provenance = (
            f"{device.name} ({device.runtime}, batch {device.batch}, {device.precision}), {len(self._ms):,} blocks"
        )
        if self.interpolated:
            self.provenance += f", {len(self.interpolated):,} of them ESTIMATED from similar ones"

    def _set_terms(self, layout: BlockLayout) -> None:
        """Terms by case, layer and option, and their extremes by case, layer and partly decided state."""
        layers, cases = self.space.layers, len(layout.fixed)
        self._constant = np.array([self._total(fixed) for fixed in layout.fixed])
        self._by_first = layout.by_first_layer
        widest = max(len(layer.options) for layer in layers)
        self._terms = np.full((cases, len(layers), widest), np.inf)
        for case, rows in enumerate(layout.options):
            for i, options in enumerate(rows):
                self._terms[case, i, : len(options)] = [self._total(option) for option in options]
        states = [_states(self.space, layer) for layer in layers]
        most = max(len(fits) for fits in states)
        shape = (len(layers), most, cases)
        self._least, self._largest = np.full(shape, np.inf), np.full(shape, -np.inf)
        for i, fits in enumerate(states):
            for case in range(cases):
                allowed = fits & (np.arange(fits.shape[1]) == case) if self._by_first and i == 0 else fits
                terms = self._terms[case, i, : fits.shape[1]]
                self._least[i, : len(fits), case] = np.where(allowed, terms, np.inf).min(axis=1)
                self._largest[i, : len(fits), case] = np.where(allowed, terms, -np.inf).max(axis=1)
        # of the code of a partly decided state: every decision has one value more, for "open"
        self._radix = np.zeros((self.space.num_decisions, len(layers)), dtype=np.int64)
        for i, layer in enumerate(layers):
            self._radix[layer.slice, i] = _radix(self.space, layer)

    def _total(self, blocks: Blocks) -> float:
        return sum(self._ms[block] for block in blocks)

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` milliseconds of complete valid architectures.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in the space.
        """
        options = self.space.valid_options(archs)
        case = options[:, 0] if self._by_first else np.zeros(len(options), dtype=np.int64)
        terms = self._terms[case[:, None], np.arange(options.shape[1]), options]
        return np.asarray(_sum(terms.T) + self._constant[case])

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest milliseconds over the completions of partial architectures, exact.

        Raises:
            InvalidValue: A row has no valid completion.
        """
        codes = (self.space.check(archs, complete=False).astype(np.int64) - OPEN) @ self._radix
        least = self._extreme(self._least, codes).min(axis=1)
        largest = self._extreme(self._largest, codes).max(axis=1)
        if np.isinf(least).any():
            row = int(np.flatnonzero(np.isinf(least))[0])
            raise InvalidValue(f"architecture {row}, {archs[row].tolist()}, has no valid completion in {self.space.name!r}.")
        return least, largest

    def _extreme(self, table: Floats, codes: Ints) -> Floats:
        """``(N, cases)`` sums over the layers."""
        return np.asarray(_sum(table[np.arange(len(table))[:, None], codes.T]) + self._constant)

    def narrow(self, space: SearchSpace) -> LookupCost:
        """The same cost over a restriction of the space; blocks that it does not have need not be measured."""
        if self._layout is not None:
            raise InvalidValue("a look-up cost with a layout of its own is made anew for a restriction of its space.")
        return LookupCost(space, self.device, name=self.name, missing=self.missing)


def _sum(terms: Floats) -> Floats:
    """Sum over the first axis, one layer after the other: costs and bounds of a complete architecture are then equal."""
    total: Floats = terms[0].copy()
    for term in terms[1:]:
        total += term
    return total


def _radix(space: SearchSpace, layer: Layer) -> Ints:
    counts = space.num_choices[layer.slice] + 1
    return np.concatenate([np.cumprod(counts[:0:-1])[::-1], [1]]).astype(np.int64)


def _states(space: SearchSpace, layer: Layer) -> npt.NDArray[np.bool_]:
    """``(states, options)`` which options of a layer agree with each of its partly decided states, by code."""
    axes = [np.arange(OPEN, count) for count in space.num_choices[layer.slice].tolist()]
    states = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return np.asarray(((states[:, None] == OPEN) | (states[:, None] == layer.options)).all(axis=2))
