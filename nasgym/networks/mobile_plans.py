"""The networks of the mobile spaces whose layers are one MBConv block each, and their skeletons."""

from __future__ import annotations

from dataclasses import dataclass

from nasgym.networks.mobile_blocks import MOBILENET_V3_GATE, MOGA_GATE, Excite, Row, mbconv
from nasgym.networks.plan import Activation, Block, Conv, Head, Identity, NetworkPlan, out_channels
from nasgym.networks.scale import IMAGENET, Scale
from nasgym.spaces.decision import Label
from nasgym.spaces.mobile_blocks import BlockSpace
from nasgym.spaces.mobile_fairnas import FairNASSpace
from nasgym.spaces.mobile_mobilenetv3 import MobileNetV3Space
from nasgym.spaces.mobile_moga import MoGASpace
from nasgym.spaces.mobile_proxylessnas import ProxylessNASSpace
from nasgym.spaces.mobile_tunas import TuNASSpace
from nasgym.type_aliases import Archs

__all__ = ["SKELETONS", "Skeleton", "block_plan"]


@dataclass(frozen=True)
class Skeleton:
    """What a space fixes; channels are those at width 1.

    Attributes:
        stem: Channels of the 3x3 convolution of stride 2.
        first: The separable convolution after it; None where the space searches it as its first
            layer.
        widths: Output channels of each searched layer.
        strides: Their strides.
        activations: Of each searched layer; a space that chooses them has none here.
        neck: Channels of the last 1x1 convolution.
        activation: Of stem, neck and hidden layer.
        hidden: Channels of the head's hidden layer.
        hidden_bias: Whether that layer has a bias.
        excite: The gate, where the space has one.
    """

    stem: int
    first: Row | None
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    activations: tuple[Activation, ...] = ()
    neck: int = 1280
    activation: Activation = "relu6"
    hidden: int = 0
    hidden_bias: bool = True
    excite: Excite | None = None

    def row(self, index: int, labels: dict[str, Label]) -> Row | None:
        """The chosen block of a layer, None where it is skipped."""
        if labels.get("op") == "skip":
            return None
        return Row(
            int(labels["kernel"]),
            float(labels.get("expansion", 1)),
            self.widths[index],
            self.strides[index],
            labels.get("se") == "on",
            ACTIVATIONS[str(labels["activation"])] if "activation" in labels else self.activations[index],
        )


ACTIVATIONS: dict[str, Activation] = {"relu": "relu", "hswish": "hswish"}
_MOBILENET_V3 = (24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160)
_MOBILENET_V3_STRIDES = (2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1)
_PROXYLESS = (*[40] * 4, *[80] * 4, *[96] * 4, *[192] * 4, 320)
_PROXYLESS_STRIDES = (2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)

SKELETONS: dict[type[BlockSpace], Skeleton] = {
    # `mit-han-lab/proxylessnas`, search; ReLU6 is remembered
    ProxylessNASSpace: Skeleton(32, Row(3, 1, 16), (*[24] * 4, *_PROXYLESS), _PROXYLESS_STRIDES, ("relu6",) * 21),
    # `google-research/google-research`, tunas: (32, 16, 32, 40, 80, 96, 192, 320, 1280); ReLU6 is
    # remembered
    TuNASSpace: Skeleton(32, None, (16, *[32] * 4, *_PROXYLESS), (1, *_PROXYLESS_STRIDES), ("relu6",) * 22),
    # `xiaomi-automl/FairNAS`
    FairNASSpace: Skeleton(32, Row(3, 1, 16), (32, 32, *_PROXYLESS), (2, 1, *_PROXYLESS_STRIDES[4:]), ("relu6",) * 19),
    # `xiaomi-automl/MoGA`: the head's hidden layer has no bias
    MoGASpace: Skeleton(
        16,
        Row(3, 1, 16, activation="relu"),
        _MOBILENET_V3,
        _MOBILENET_V3_STRIDES,
        ("relu",) * 5 + ("hswish",) * 9,
        neck=960,
        activation="hswish",
        hidden=1280,
        hidden_bias=False,
        excite=MOGA_GATE,
    ),
    # `tensorflow/models`, slim, mobilenet_v3
    MobileNetV3Space: Skeleton(
        16,
        Row(3, 1, 16, activation="relu"),
        _MOBILENET_V3,
        _MOBILENET_V3_STRIDES,
        neck=960,
        activation="hswish",
        hidden=1280,
        excite=MOBILENET_V3_GATE,
    ),
}


def block_plan(space: BlockSpace, arch: Archs, scale: Scale = IMAGENET) -> NetworkPlan:
    """The network of an architecture, ``(D,)``, of a space in `SKELETONS`.

    Args:
        space: The space or a restriction of it.
        arch: A complete valid architecture.
        scale: Images, classes and width; by default those of the publication.
    """
    skeleton = next(fixed for kind, fixed in SKELETONS.items() if isinstance(space, kind))
    stem_stride, *strides = scale.strides((2, *skeleton.strides))
    channels = scale.channels(skeleton.stem)
    stem: list[Block] = [Conv(scale.input_shape[0], channels, 3, stem_stride, activation=skeleton.activation)]
    if skeleton.first is not None:
        stem.append(mbconv(skeleton.first, channels, scale.channels(skeleton.first.out), 1))
        channels = out_channels(stem[-1])
    layers: list[tuple[Block, ...]] = []
    for index, labels in enumerate(space.block_labels(arch)):
        row, block = skeleton.row(index, labels), None
        if row is not None:
            block = mbconv(row, channels, scale.channels(row.out), strides[index], skeleton.excite, scale.divisor)
        layers.append((block or Identity(channels),))
        channels = out_channels(layers[-1][0])
    neck = scale.channels(skeleton.neck)
    return NetworkPlan(
        name=space.to_str(arch[None])[0],
        input_shape=scale.input_shape,
        stem=tuple(stem),
        layers=tuple(layers),
        neck=(Conv(channels, neck, 1, activation=skeleton.activation),),
        head=Head(
            neck,
            scale.num_classes,
            hidden=scale.channels(skeleton.hidden) if skeleton.hidden else 0,
            hidden_activation=skeleton.activation if skeleton.hidden else "none",
            hidden_bias=skeleton.hidden_bias,
        ),
    )
