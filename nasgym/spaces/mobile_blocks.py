"""`BlockSpace`: what the mobile spaces share, layers that are one MBConv block each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasgym.spaces.decision import Decision, Label
from nasgym.spaces.layer import Layer
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["BlockLayer", "BlockSpace"]

SKIP, MBCONV = "skip", "mbconv"


@dataclass(frozen=True)
class BlockLayer:
    """The choices of one layer, in ascending order; what has no choice is no decision.

    Attributes:
        name: For example ``"stage1.layer2"``.
        kernels: Kernel sizes of the depthwise convolution.
        expansions: Expanded channels over input channels.
        se: Whether there is a choice of a squeeze-and-excite gate.
        activations: Names of `nasgym.networks.plan.Activation`.
        skippable: Whether the block can be left out.
    """

    name: str
    kernels: tuple[int, ...]
    expansions: tuple[float, ...] = ()
    se: bool = False
    activations: tuple[str, ...] = ()
    skippable: bool = False

    def decisions(self) -> list[Decision]:
        """The decisions of the layer, the skip first."""
        runs = (f"{self.name}.op", (MBCONV,)) if self.skippable else None
        found = [Decision(f"{self.name}.op", (SKIP, MBCONV), "skip")] if self.skippable else []
        found.append(Decision(f"{self.name}.kernel", self.kernels, "kernel", runs))
        if self.expansions:
            found.append(Decision(f"{self.name}.expansion", self.expansions, "expansion", runs))
        if self.se:
            found.append(Decision(f"{self.name}.se", ("off", "on"), "op", runs))
        if self.activations:
            found.append(Decision(f"{self.name}.activation", self.activations, "op", runs))
        return found


class BlockSpace(SearchSpace):
    """Layers of one MBConv block each, some of which can be skipped.

    Text form: ``k`` and the kernel, ``e`` and the expansion, then ``:se`` and the activation where
    they are chosen; or ``skip``: ``"k5e3,skip,k3e6:se"``. The default is the last choice of every
    decision, the most expensive network.

    Args:
        name: Name of the space.
        block_layers: The layers in order.
        alike: For each group of layers that have equal shapes on both sides, its consecutive
            positions. Which of them are skipped does not matter; `canonical` skips the last ones.
    """

    def __init__(self, name: str, block_layers: Sequence[BlockLayer], alike: Sequence[range] = ()) -> None:
        self.block_layers, self._alike = tuple(block_layers), tuple(alike)
        decisions = [layer.decisions() for layer in block_layers]
        super().__init__(
            name,
            [decision for of_layer in decisions for decision in of_layer],
            layers=[(layer.name, len(of_layer)) for layer, of_layer in zip(block_layers, decisions, strict=True)],
        )

    def block_labels(self, arch: Archs) -> list[dict[str, Label]]:
        """For each layer of a complete architecture, ``(D,)``, the labels that matter.

        Keys are the last parts of the decisions' names.
        """
        found: list[dict[str, Label]] = [{} for _ in self.layers]
        labels = self.labels(arch[None])[0]
        for layer, of_layer in zip(self.layers, found, strict=True):
            for column in layer.columns:
                if (name := self.names[column]) in labels:
                    of_layer[name.removeprefix(f"{layer.name}.")] = labels[name]
        return found

    def canonical_valid(self, archs: Archs) -> Archs:
        """See `SearchSpace.canonical_valid`."""
        if not self._alike:
            return archs
        found = archs.copy()
        for group in self._alike:
            columns = slice(self.layers[group.start].columns.start, self.layers[group.stop - 1].columns.stop)
            blocks = archs[:, columns].reshape(len(archs), len(group), -1)
            order = np.argsort(blocks[:, :, 0] == 0, axis=1, kind="stable")
            found[:, columns] = np.take_along_axis(blocks, order[:, :, None], axis=1).reshape(len(archs), -1)
        return found

    def layer_text(self, layer: Layer, choices: Archs) -> str:
        """See `SearchSpace.layer_text`."""
        texts = {"op": MBCONV, "kernel": "", "expansion": "", "se": "", "activation": ""}
        for column, choice in zip(layer.columns, choices.tolist(), strict=True):
            label = "?" if choice < 0 else str(self.decisions[column].choices[choice])
            texts[self.names[column].removeprefix(f"{layer.name}.")] = label
        if texts["op"] != MBCONV:
            return texts["op"]
        text = f"k{texts['kernel']}" + (f"e{texts['expansion']}" if texts["expansion"] else "")
        text += {"on": ":se", "?": ":?"}.get(texts["se"], "")
        return text + (f":{texts['activation']}" if texts["activation"] else "")
