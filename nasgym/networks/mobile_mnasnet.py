"""The MnasNet networks: the backbone of MobileNetV2 with seven searched blocks."""

from __future__ import annotations

from nasgym.networks.mobile_blocks import MNASNET_GATE
from nasgym.networks.plan import Block, Conv, Head, MBConv, NetworkPlan, out_channels
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.spaces.decision import Label
from nasgym.spaces.mobile_mnasnet import DEPTHS, MnasNetSpace
from nasgym.type_aliases import Archs

__all__ = ["WIDTHS", "block_layers", "mnasnet_plan", "strides_of"]

STEM_CHANNELS, NECK_CHANNELS = 32, 1280
# MobileNetV2's output channels and strides of the seven blocks (1801.04381)
WIDTHS = (16, 24, 32, 64, 96, 160, 320)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
EXPANSIONS = {"dwconv": 1, "mbconv3": 3, "mbconv6": 6}


def strides_of(scale: Scale) -> list[int]:
    """Strides of the stem and of the seven blocks."""
    return scale.strides((2, *STRIDES))


def block_layers(
    index: int, labels: tuple[Label, ...], in_channels: int, stride: int, scale: Scale = IMAGENET
) -> tuple[Block, ...]:
    """The layers of a block.

    Args:
        index: 0 to 6.
        labels: Those of its six decisions, in their order.
        in_channels: Channels before it.
        stride: Of its first layer.
        scale: Width of the network.
    """
    op, kernel, se, skip, width, more = labels
    # the factors are applied without rounding: 0.75 of 16 is 12 (the paper states no rounding)
    out = scale.channels(round(WIDTHS[index] * float(width)))
    layers: list[Block] = []
    for _ in range(max(1, DEPTHS[index] + int(more))):
        same = stride == 1 and in_channels == out
        residual = skip == "pool" or (skip == "identity" and same)
        hidden = MNASNET_GATE.hidden(in_channels, in_channels) if se else 0
        if op == "conv":
            layers.append(
                Conv(in_channels, out, int(kernel), stride, se_channels=hidden, se_gate=MNASNET_GATE.gate, residual=residual)
            )
        else:
            mid = in_channels * EXPANSIONS[str(op)]
            gate = MNASNET_GATE.gate if hidden else "hsigmoid"
            layers.append(MBConv(in_channels, mid, out, int(kernel), stride, "relu", hidden, residual, se_gate=gate))
        in_channels, stride = out, 1
    return tuple(layers)


def mnasnet_plan(space: MnasNetSpace, arch: Archs, scale: Scale = IMAGENET) -> NetworkPlan:
    """The network of an architecture, ``(42,)``.

    Stem 3x3 of stride 2 to 32 channels; blocks with MobileNetV2's strides, which their first layers
    have; 1x1 convolution to 1,280 channels; pooling; linear. ReLU; the gate of the published nets
    (`mobile_blocks.MNASNET_GATE`), on the output of a plain convolution. The identity skips the
    layers whose shapes allow it; the pooling skips every layer. Its definition is not published, so
    it is the average over windows of the stride, with channels filled up with zeros (inferred).

    Args:
        space: The space or a restriction of it.
        arch: A complete valid architecture.
        scale: Images, classes and width; by default those of the publication.
    """
    stem_stride, *strides = strides_of(scale)
    channels = scale.channels(STEM_CHANNELS)
    stem = Conv(scale.input_shape[0], channels, 3, stem_stride)
    layers = []
    for index, (layer, stride) in enumerate(zip(space.layers, strides, strict=True)):
        labels = tuple(space.decisions[column].choices[arch[column]] for column in layer.columns)
        layers.append(block_layers(index, labels, channels, stride, scale))
        channels = out_channels(layers[-1][-1])
    neck = scale.channels(NECK_CHANNELS)
    return NetworkPlan(
        name=space.to_str(arch[None])[0],
        input_shape=scale.input_shape,
        stem=(stem,),
        layers=tuple(layers),
        neck=(Conv(channels, neck, 1),),
        head=Head(neck, scale.num_classes),
    )
