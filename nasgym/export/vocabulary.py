"""What the blocks of a network have in common in PyTorch source, and in what they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from nasgym.networks.plan import Activation, Block, Conv, Gate, Identity, MBConv, Norm, Pool, Zero

__all__ = ["ACTIVATIONS", "GATES", "Vocabulary"]

ACTIVATIONS: dict[Activation, str] = {
    "none": "nn.Identity",
    "relu": "nn.ReLU",
    "relu6": "nn.ReLU6",
    "hswish": "nn.Hardswish",
    "swish": "nn.SiLU",
}
GATES: dict[Gate, str] = {"sigmoid": "nn.Sigmoid", "hsigmoid": "nn.Hardsigmoid"}


def _commonest(values: Iterable[str], otherwise: str) -> str:
    counted = Counter(values).most_common(1)
    return counted[0][0] if counted else otherwise


@dataclass(frozen=True)
class Vocabulary:
    """What the blocks of a network have in common, and in what they differ."""

    blocks: tuple[Block, ...]

    @cached_property
    def mbconvs(self) -> list[MBConv]:
        """The MBConv blocks."""
        return [block for block in self.blocks if isinstance(block, MBConv)]

    @cached_property
    def convs(self) -> list[Conv]:
        """The convolutions on their own."""
        return [block for block in self.blocks if isinstance(block, Conv) and not _has_extras(block)]

    @cached_property
    def conv_blocks(self) -> list[Conv]:
        """The convolutions with a gate or a residual."""
        return [block for block in self.blocks if isinstance(block, Conv) and _has_extras(block)]

    @cached_property
    def norms(self) -> list[Norm]:
        """The normalisations on their own."""
        return [block for block in self.blocks if isinstance(block, Norm)]

    @cached_property
    def has_zeros(self) -> bool:
        """Whether an edge of a cell carries nothing."""
        return any(isinstance(block, Zero) for block in self.blocks)

    @cached_property
    def convolving(self) -> list[Conv | MBConv]:
        """All blocks with convolutions."""
        return [*self.convs, *self.conv_blocks, *self.mbconvs]

    @cached_property
    def act(self) -> str:
        """The activation that goes without saying."""
        every = [block.activation for block in (*self.convolving, *self.norms)]
        return _commonest((ACTIVATIONS[kind] for kind in every if kind != "none"), "nn.ReLU")

    @cached_property
    def gated(self) -> list[Conv | MBConv]:
        """The blocks with squeeze-and-excite."""
        return [block for block in self.convolving if block.se_channels]

    @cached_property
    def se_act(self) -> str:
        """The usual activation within gates."""
        return _commonest((ACTIVATIONS[block.se_activation] for block in self.gated), "nn.ReLU")

    @cached_property
    def gate(self) -> str:
        """What gates usually end with."""
        return _commonest((GATES[block.se_gate] for block in self.gated), "nn.Sigmoid")

    @cached_property
    def reshapes(self) -> bool:
        """Whether a residual has to change the shape of its input."""
        residuals = [block for block in self.convolving if block.residual]
        return any(block.stride != 1 or block.in_channels != block.out_channels for block in residuals)

    def options(self, blocks: list[Conv] | list[MBConv]) -> list[tuple[str, str, str]]:
        """(name, type, default) of the arguments that these blocks' class needs.

        Sizes and stride are not among them.
        """
        found = []
        convs = [block for block in blocks if isinstance(block, Conv)]
        if any(block.groups != 1 for block in convs):
            found.append(("groups", "int", "1"))
        if any(block.dilation != 1 for block in convs):
            found.append(("dilation", "int", "1"))
        if any(block.se_channels for block in blocks):
            found.append(("se", "int", "0"))
        if any(ACTIVATIONS[block.activation] != self.act for block in blocks):
            found.append(("act", "type[nn.Module]", self.act))
        gated = [block for block in blocks if block.se_channels]
        if any(ACTIVATIONS[block.se_activation] != self.se_act for block in gated):
            found.append(("se_act", "type[nn.Module]", self.se_act))
        if any(GATES[block.se_gate] != self.gate for block in gated):
            found.append(("se_gate", "type[nn.Module]", self.gate))
        if any(block.order == "pre" for block in convs):
            found.append(("pre", "bool", "False"))
        if not all(block.norm for block in convs):
            found.append(("norm", "bool", "True"))
        if any(block.residual for block in blocks):
            found.append(("residual", "bool", "False"))
        return found

    def call(self, block: Block) -> tuple[str, list[str]]:
        """What is called to make a block, and with which arguments."""
        match block:
            case Identity():
                return "nn.Identity", []
            case Pool():
                parts = [str(block.kernel), f"stride={block.stride}"]
                parts.append(f"padding={block.kernel // 2}" if block.kernel % 2 else "ceil_mode=True")
                if block.kind == "max":
                    return "nn.MaxPool2d", parts
                return "nn.AvgPool2d", [*parts, "count_include_pad=False"]
            case Norm():
                act = ACTIVATIONS[block.activation]
                return "NormAct", [str(block.channels), *([] if act == self.act else [f"act={act}"])]
            case Zero():
                return "Zero", [str(block.out_channels), *([] if block.stride == 1 else [f"stride={block.stride}"])]
            case Conv():
                name, sizes = "ConvBlock" if _has_extras(block) else "ConvBN", [block.in_channels, block.out_channels]
            case MBConv():
                name, sizes = "MBConv", [block.in_channels, block.mid_channels, block.out_channels]
        given = {
            "stride": (block.stride, 1),
            "groups": (block.groups if isinstance(block, Conv) else 1, 1),
            "dilation": (block.dilation if isinstance(block, Conv) else 1, 1),
            "se": (block.se_channels, 0),
            "act": (ACTIVATIONS[block.activation], self.act),
            "se_act": (ACTIVATIONS[block.se_activation] if block.se_channels else self.se_act, self.se_act),
            "se_gate": (GATES[block.se_gate] if block.se_channels else self.gate, self.gate),
            "pre": (isinstance(block, Conv) and block.order == "pre", False),
            "norm": (block.norm if isinstance(block, Conv) else True, True),
            "residual": (block.residual, False),
        }
        parts = [*map(str, sizes), f"kernel={block.kernel}"]
        return name, [*parts, *(f"{key}={value}" for key, (value, default) in given.items() if value != default)]


def _has_extras(block: Conv) -> bool:
    return bool(block.se_channels or block.residual)
