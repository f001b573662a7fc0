"""The NAS-Bench-Macro networks: the skeleton around the eight searched layers."""

from __future__ import annotations

from nasgym.networks.plan import Block, Conv, Head, Identity, MBConv, NetworkPlan
from nasgym.spaces.nas_bench_macro import STAGES, NASBenchMacroSpace
from nasgym.type_aliases import Archs

__all__ = ["nas_bench_macro_plan"]

STEM_CHANNELS = 32
NECK_CHANNELS = 1280
# expansion and kernel of the two MBConv choices
MBCONVS = {1: (3, 3), 2: (6, 5)}


def nas_bench_macro_plan(space: NASBenchMacroSpace, arch: Archs) -> NetworkPlan:
    """The CIFAR-10 network of an architecture, ``(8,)``.

    Stem 3x3 to 32 channels at 32 x 32; stages of 2, 3 and 3 layers whose first layer has stride 2
    and doubles the channels; 1x1 convolution to 1,280 channels; pooling; linear. Counted this way,
    MACs and parameters equal the published columns for all 6,561 networks
    (`tests/oracles/cost/test_counted.py`).
    """
    choices = iter(arch.tolist())
    layers: list[tuple[Block, ...]] = []
    channels = STEM_CHANNELS
    for depth in STAGES:
        for i in range(depth):
            choice, stride, out = next(choices), 2 if i == 0 else 1, 2 * channels if i == 0 else channels
            block: Block
            if choice in MBCONVS:
                expansion, kernel = MBCONVS[choice]
                block = MBConv(channels, channels * expansion, out, kernel, stride, "relu6", residual=i > 0)
            elif i == 0:
                block = Conv(channels, out, 1, stride, activation="none")
            else:
                block = Identity(channels)
            layers.append((block,))
            channels = out
    return NetworkPlan(
        name=space.to_str(arch[None])[0],
        input_shape=(3, 32, 32),
        stem=(Conv(3, STEM_CHANNELS, 3, activation="relu6"),),
        layers=tuple(layers),
        neck=(Conv(channels, NECK_CHANNELS, 1, activation="relu6"),),
        head=Head(NECK_CHANNELS, 10),
    )
