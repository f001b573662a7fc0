"""The Once-for-All networks: MobileNetV3 in width 1.2, with searched image size and depths."""

from __future__ import annotations

from typing import NamedTuple

from nasgym.networks.mobile_blocks import MOBILENET_V3_GATE, Row, mbconv
from nasgym.networks.plan import Activation, Block, Conv, Head, NetworkPlan
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.spaces.mobile_ofa import DEPTHS, EXPANSIONS, KERNELS, RESOLUTIONS, OnceForAllSpace
from nasgym.type_aliases import Archs

__all__ = ["image_size", "ofa_plan"]


class _Stage(NamedTuple):
    """What a stage fixes: output channels, stride of its first block, gate, activation."""

    width: int
    stride: int
    se: bool
    activation: Activation


# channels are those of width 1.2, which the accuracy predictor and the published latencies are
# about
STEM, NECK, HIDDEN = 24, 1152, 1536
TABLE = (
    _Stage(32, 2, False, "relu"),
    _Stage(48, 2, True, "relu"),
    _Stage(96, 2, False, "hswish"),
    _Stage(136, 1, True, "hswish"),
    _Stage(192, 2, True, "hswish"),
)


def image_size(resolution: int, scale: Scale = IMAGENET) -> int:
    """Height and width of the image that a choice of resolution stands for.

    At 224 x 224, the default scale, it is the resolution itself. Elsewhere the largest resolution
    stands for the scale's whole image, and smaller ones for the same share of it, rounded.
    """
    return max(1, round(resolution * scale.input_shape[1] / RESOLUTIONS[-1]))


def ofa_plan(space: OnceForAllSpace, arch: Archs, scale: Scale = IMAGENET) -> NetworkPlan:
    """The network of an architecture, ``(46,)``.

    Stem 3x3 of stride 2 to 24 channels with h-swish; a separable 3x3 convolution with ReLU and a
    residual; five stages of two to four MBConv blocks (`TABLE`), the first with the stage's stride,
    the others with a residual; 1x1 convolution to 1,152 channels; pooling; 1x1 convolution to 1,536
    channels with neither normalisation nor bias; h-swish; linear. Gates have a quarter of the
    expanded channels, rounded to 8, ReLU, and end with the hard sigmoid. [C
    mit-han-lab/once-for-all, ofa_mbv3.py]

    A plan has one tuple a layer of the space: none for the resolution, one block for each stage's
    first and second block, and up to two for its tail.

    Args:
        space: The space or a restriction of it.
        arch: A complete valid architecture.
        scale: Images, classes and width; by default those of the publication, whose width of 1.2 is
            what counts as 1 here. Image sizes are `image_size`.
    """
    resolution, depths, kernels, expansions = (part[0].tolist() for part in space.parts(arch[None]))
    stem_stride, _, *strides = scale.strides((2, 1, *(stage.stride for stage in TABLE)))
    size, channels = image_size(RESOLUTIONS[resolution], scale), scale.channels(STEM)
    stem: tuple[Block, ...] = (
        Conv(scale.input_shape[0], channels, 3, stem_stride, activation="hswish"),
        mbconv(Row(3, 1, channels, activation="relu"), channels, channels, 1),
    )
    layers: list[tuple[Block, ...]] = [()]
    for number, (stage, depth) in enumerate(zip(TABLE, depths, strict=True)):
        width, blocks = scale.channels(stage.width), []
        for index in range(DEPTHS[depth]):
            kernel, expansion = KERNELS[kernels[number][index]], EXPANSIONS[expansions[number][index]]
            stride = strides[number] if index == 0 else 1
            row = Row(kernel, expansion, width, stride, stage.se, stage.activation)
            blocks.append(mbconv(row, channels, width, stride, MOBILENET_V3_GATE, scale.divisor))
            channels = width
        layers += [(blocks[0],), (blocks[1],), tuple(blocks[2:])]
    neck, hidden = scale.channels(NECK), scale.channels(HIDDEN)
    return NetworkPlan(
        name=space.to_str(arch[None])[0],
        input_shape=(scale.input_shape[0], size, size),
        stem=stem,
        layers=tuple(layers),
        neck=(Conv(channels, neck, 1, activation="hswish"),),
        head=Head(neck, scale.num_classes, hidden=hidden, hidden_activation="hswish", hidden_bias=False),
    )
