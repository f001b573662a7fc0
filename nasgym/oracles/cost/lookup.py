"""`LookupCost`: latency as a sum of block latencies, with exact bounds."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import NamedTuple

import numpy as np

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Device
from nasgym.devices.layout import BlockLayout, Blocks, block_layout
from nasgym.devices.missing import Missing, fill_missing
from nasgym.errors import InvalidValue
from nasgym.oracles.cost.terms_cost import check_bounds
from nasgym.oracles.layer_terms import LayerTerms
from nasgym.oracles.oracle import CostDefaults
from nasgym.spaces.decision import OPEN
from nasgym.spaces.layer import Layer
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools, Floats, Ints

__all__ = ["LookupCost"]


class LookupCost(CostDefaults):
    """The sum of a device's block latencies: fixed blocks, and those of each layer's option.

    Where the first layer sets the image size, there is one such sum for each of its options; bounds
    are then the extremes over those that a partial architecture still allows. Bounds are exact for
    any partial architecture, not only for prefixes: every layer has a table over its partly decided
    states.

    Which blocks there are is looked up when the cost is first asked, or by `check`: of a device
    that was measured for a restriction only, the whole space's cost can be made and narrowed, but
    not asked.

    Args:
        space: The space or a restriction of it.
        device: Measured for that space.
        name: Name with unit under which the cost goes.
        missing: What to do about blocks that were not measured: ``"error"`` or ``"interpolate"``.
        layout: The space's blocks, where they are not those of `block_layout`.

    Raises:
        InvalidValue: The device was measured for another space.
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
        self._own_layout = layout

    def check(self) -> None:
        """Looks up the latencies of all blocks of the space, once.

        Raises:
            DataError: Blocks are missing, and none may or can be estimated.
            InvalidValue: No blocks are known for the space, or their latencies do not add up.
        """
        self._filled  # noqa: B018  # is kept

    @cached_property
    def _layout(self) -> BlockLayout:
        return block_layout(self.space, self.device.model) if self._own_layout is None else self._own_layout

    @cached_property
    def _filled(self) -> tuple[dict[BlockKey, float], tuple[BlockKey, ...]]:
        return fill_missing(self.device, self._layout, self.missing)

    @property
    def interpolated(self) -> tuple[BlockKey, ...]:
        """Blocks whose latency is an estimate; empty unless asked for."""
        return self._filled[1]

    @cached_property
    def fingerprint(self) -> str:
        """Of name, device, space and estimates."""
        ms, interpolated = self._filled
        digest = hashlib.sha256(f"{self.name}:{self.device.fingerprint}:{self.space.fingerprint}".encode())
        for block in interpolated:
            digest.update(f"{block}={ms[block]!r}".encode())
        mark = f"lookup+{len(interpolated)}estimates" if interpolated else "lookup"
        return f"{mark}:{digest.hexdigest()[:16]}"

    @property
    def provenance(self) -> str:
        """One sentence: device, runtime, and how many latencies are estimates."""
        device, (ms, interpolated) = self.device, self._filled
        estimates = f", {len(interpolated):,} of them ESTIMATED from similar ones" if interpolated else ""
        return f"{device.name} ({device.runtime}, batch {device.batch}, {device.precision}), {len(ms):,} blocks{estimates}"

    def notes(self, archs: Archs) -> list[str]:
        """Which device it is, where some of its latencies are estimates."""
        return [f"{self.name} is that of {self.provenance}."] if self.interpolated else []

    @cached_property
    def _terms(self) -> LayerTerms:
        layout = self._layout
        cases = [
            LayerTerms(
                float(self._total(fixed)),
                tuple(np.array([self._total(option) for option in layer], dtype=np.float64) for layer in options),
            )
            for fixed, options in zip(layout.fixed, layout.options, strict=True)
        ]
        return LayerTerms.of_cases(cases) if layout.by_first_layer else cases[0]

    def terms(self) -> LayerTerms:
        """The latencies of the layers' options; see `CostOracle.terms`.

        Raises:
            DataError: As `check`.
        """
        return self._terms

    @cached_property
    def _tables(self) -> _Tables:
        terms, layers = self._terms, self.space.layers
        states = [_states(self.space, layer) for layer in layers]
        most = max(len(fits) for fits in states)
        shape = (len(layers), most, len(terms.cases))
        least, largest = np.full(shape, np.inf), np.full(shape, -np.inf)
        for i, fits in enumerate(states):
            for case, chain in enumerate(terms.cases):
                allowed = fits & (np.arange(fits.shape[1]) == case) if terms.by_first_layer and i == 0 else fits
                least[i, : len(fits), case] = np.where(allowed, chain.unary[i], np.inf).min(axis=1)
                largest[i, : len(fits), case] = np.where(allowed, chain.unary[i], -np.inf).max(axis=1)
        # of the code of a partly decided state: every decision has one value more, for "open"
        radix = np.zeros((self.space.num_decisions, len(layers)), dtype=np.int64)
        for i, layer in enumerate(layers):
            radix[layer.slice, i] = _radix(self.space, layer)
        return _Tables(np.array([chain.constant for chain in terms.cases]), least, largest, radix)

    def _total(self, blocks: Blocks) -> float:
        return sum(self._filled[0][block] for block in blocks)

    def cost(self, archs: Archs) -> Floats:
        """``(N,)`` milliseconds of complete valid architectures.

        Raises:
            InvalidValue: An architecture is not complete, or not valid in the space.
            DataError: As `check`.
        """
        return self._terms.cost(self.space.valid_options(archs))

    def bounds(self, archs: Archs) -> tuple[Floats, Floats]:
        """``(N,)`` least and largest milliseconds over completions of partial architectures.

        Both are exact.

        Raises:
            InvalidValue: A row has no valid completion.
            DataError: As `check`.
        """
        codes = (self.space.check(archs, complete=False).astype(np.int64) - OPEN) @ self._tables.radix
        least = self._extreme(self._tables.least, codes).min(axis=1)
        largest = self._extreme(self._tables.largest, codes).max(axis=1)
        check_bounds(least, archs, self.space)
        return least, largest

    def _extreme(self, table: Floats, codes: Ints) -> Floats:
        """``(N, cases)`` sums over the layers."""
        return np.asarray(_sum(table[np.arange(len(table))[:, None], codes.T]) + self._tables.constant)

    def narrow(self, space: SearchSpace) -> LookupCost:
        """The same cost over a restriction of the space; blocks outside of it may be missing."""
        if self._own_layout is not None:
            raise InvalidValue("a look-up cost with a layout of its own is made again for a restriction of its space.")
        return LookupCost(space, self.device, name=self.name, missing=self.missing)


class _Tables(NamedTuple):
    """What bounds are read from.

    Attributes:
        constant: ``(cases,)`` sums of the fixed blocks.
        least: ``(layers, states, cases)`` least term of a partly decided layer.
        largest: The same, largest.
        radix: ``(D, layers)`` which decisions make the code of a layer's state.
    """

    constant: Floats
    least: Floats
    largest: Floats
    radix: Ints


def _sum(terms: Floats) -> Floats:
    """Sum over the first axis, one layer after the other.

    Costs and bounds of a complete architecture are then equal.
    """
    total: Floats = terms[0].copy()
    for term in terms[1:]:
        total += term
    return total


def _radix(space: SearchSpace, layer: Layer) -> Ints:
    counts = space.num_choices[layer.slice] + 1
    return np.concatenate([np.cumprod(counts[:0:-1])[::-1], [1]]).astype(np.int64)


def _states(space: SearchSpace, layer: Layer) -> Bools:
    """``(states, options)`` which options of a layer agree with each partly decided state.

    States are in the order of their codes.
    """
    axes = [np.arange(OPEN, count) for count in space.num_choices[layer.slice].tolist()]
    states = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return np.asarray(((states[:, None] == OPEN) | (states[:, None] == layer.options)).all(axis=2))
