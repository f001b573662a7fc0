"""The Digits networks: the skeleton around the five searched layers."""

from __future__ import annotations

from nasgym.networks.plan import Block, Conv, Head, Identity, MBConv, NetworkPlan
from nasgym.spaces.digits import DigitsSpace
from nasgym.type_aliases import Archs

__all__ = ["digits_plan"]

STEM_CHANNELS = 4
OUT_CHANNELS = (8, 8, 8, 12, 12)
STRIDES = (2, 1, 1, 1, 2)


def digits_plan(space: DigitsSpace, arch: Archs) -> NetworkPlan:
    """The network of a Digits architecture, ``(15,)``.

    Stem 1x1 to 4 channels at 8 x 8; layers to (8, 8, 8, 12, 12) channels with strides (2, 1, 1, 1,
    2); ReLU, average pooling, linear. MBConv has a residual where shapes allow it (layers 2 and 3).
    ``skip`` is the identity there and elsewhere a strided 1x1 convolution with batch normalisation.
    """
    options = arch.reshape(len(OUT_CHANNELS), 3).tolist()
    layers, channels = [], STEM_CHANNELS
    for (op, kernel, expansion), out, stride in zip(options, OUT_CHANNELS, STRIDES, strict=True):
        same = stride == 1 and channels == out
        block: Block
        if op == 1:
            block = MBConv(channels, channels * (3, 6)[expansion], out, (3, 5)[kernel], stride, "relu", residual=same)
        elif same:
            block = Identity(channels)
        else:
            block = Conv(channels, out, 1, stride, activation="none")
        layers.append((block,))
        channels = out
    return NetworkPlan(
        name=space.to_str(arch[None])[0],
        input_shape=(1, 8, 8),
        stem=(Conv(1, STEM_CHANNELS, 1),),
        layers=tuple(layers),
        neck=(),
        head=Head(channels, 10, activation="relu"),
    )
