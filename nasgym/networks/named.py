"""Published architectures by name, block by block.

MACs and parameters as counted here (`tests/networks/test_named.py` holds them against the published
ones):

=================== ====== ======= ===================================================
name                MACs   params  source of the blocks
=================== ====== ======= ===================================================
mobilenet-v2        300.8M 3.505M  1801.04381; widths as MnasNet's backbone
mobilenet-v3-large  216.6M 5.483M  `tensorflow/models`, slim, mobilenet_v3
mobilenet-v3-small  56.5M  2.543M  same
mnasnet-a1          311.6M 3.887M  `tensorflow/tpu`, mnasnet_models
mnasnet-b1          314.4M 4.383M  same
mnasnet-small       68.3M  2.030M  same
proxylessnas-mobile 320.4M 4.081M  `mit-han-lab/proxylessnas`, proxyless_mobile.config
fairnas-a, -b, -c   388.1M 4.651M  `xiaomi-automl/FairNAS`
moga-a, -b, -c      304.0M 5.160M  `xiaomi-automl/MoGA`, models
efficientnet-b0     385.8M 5.289M  `tensorflow/tpu`, efficientnet
=================== ====== ======= ===================================================

The first stage of proxylessnas-mobile is 32 wide. The genes of FairNAS's A, B and C are as another
project transcribed them. Of three nets in a row the counts are those of the first. Activations of
the MnasNet nets (ReLU) and of ProxylessNAS (ReLU6) are remembered; counts do not depend on them.

Once-for-All's nets for the Note10 are not here. For the one of 30 ms, 78.4 % accuracy, 339M MACs
and 7.5M parameters are published (an early README of `mit-han-lab/once-for-all`, in a copy). Its
blocks are only in a file beside its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nasgym.errors import unknown_name
from nasgym.networks.mobile_blocks import EFFICIENTNET_GATE, MNASNET_GATE, MOBILENET_V3_GATE, MOGA_GATE, Excite, Row, mbconv
from nasgym.networks.plan import Activation, Block, Conv, Head, Identity, NetworkPlan, out_channels
from nasgym.networks.scale import IMAGENET, Scale

__all__ = ["NAMED", "named_plan"]


@dataclass(frozen=True)
class _Net:
    """A network as its source prints it.

    Attributes:
        stem: Channels of the 3x3 convolution of stride 2.
        rows: MBConv blocks; None where a block is skipped.
        neck: Channels of the last 1x1 convolution.
        fixed: So many rows belong to the stem: the space that the net was found in does not search
            them.
        hidden: Channels of the head's hidden layer.
    """

    stem: int
    rows: Sequence[Row | None]
    neck: int = 1280
    activation: Activation = "relu6"
    excite: Excite | None = None
    fixed: int = 1
    hidden: int = 0
    hidden_bias: bool = True

    def plan(self, name: str, scale: Scale) -> NetworkPlan:
        """The network at a scale."""
        first, *strides = scale.strides([2, *(row.stride if row else 1 for row in self.rows)])
        channels = scale.channels(self.stem)
        blocks: list[Block] = []
        for row, stride in zip(self.rows, strides, strict=True):
            if row is None:
                blocks.append(Identity(channels))
            else:
                blocks.append(mbconv(row, channels, scale.channels(row.out), stride, self.excite, scale.divisor))
            channels = out_channels(blocks[-1])
        neck = scale.channels(self.neck)
        hidden = scale.channels(self.hidden) if self.hidden else 0
        return NetworkPlan(
            name=name,
            input_shape=scale.input_shape,
            stem=(
                Conv(scale.input_shape[0], scale.channels(self.stem), 3, first, activation=self.activation),
                *blocks[: self.fixed],
            ),
            layers=tuple((block,) for block in blocks[self.fixed :]),
            neck=(Conv(channels, neck, 1, activation=self.activation),),
            head=Head(
                neck,
                scale.num_classes,
                hidden=hidden,
                hidden_activation=self.activation if hidden else "none",
                hidden_bias=self.hidden_bias,
            ),
        )


def _repeat(n: int, row: Row) -> list[Row]:
    """A stage: the stride belongs to its first block."""
    return [row, *[row._replace(stride=1)] * (n - 1)]


def _stages(activation: Activation, *stages: tuple[int, int, int, float, int, bool]) -> list[Row]:
    """Stages of (blocks, kernel, stride, expansion, output channels, gate)."""
    rows = []
    for n, kernel, stride, expansion, out, se in stages:
        rows += _repeat(n, Row(kernel, expansion, out, stride, se, activation))
    return rows


def _plain(row: Row) -> Row:
    return row._replace(skips=False)


def _mobilenet_v2() -> _Net:
    stages = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (3, 3, 2, 6, 32), (4, 3, 2, 6, 64), (3, 3, 1, 6, 96), (3, 3, 2, 6, 160))
    return _Net(32, _stages("relu6", *((*stage, False) for stage in (*stages, (1, 3, 1, 6, 320)))))


def _mnasnet_a1() -> _Net:
    rows = _stages(
        "relu",
        (1, 3, 1, 1, 16, False),
        (2, 3, 2, 6, 24, False),
        (3, 5, 2, 3, 40, True),
        (4, 3, 2, 6, 80, False),
        (2, 3, 1, 6, 112, True),
        (3, 5, 2, 6, 160, True),
        (1, 3, 1, 6, 320, False),
    )
    return _Net(32, [_plain(rows[0]), *rows[1:]], activation="relu", excite=MNASNET_GATE)


def _mnasnet_b1() -> _Net:
    rows = _stages(
        "relu",
        (1, 3, 1, 1, 16, False),
        (3, 3, 2, 3, 24, False),
        (3, 5, 2, 3, 40, False),
        (3, 5, 2, 6, 80, False),
        (2, 3, 1, 6, 96, False),
        (4, 5, 2, 6, 192, False),
        (1, 3, 1, 6, 320, False),
    )
    return _Net(32, [_plain(rows[0]), *rows[1:-1], _plain(rows[-1])], activation="relu")


def _mnasnet_small() -> _Net:
    """The source writes 16 input channels into the first block, after a stem of 8.

    It is built with 8, without a residual.
    """
    rows = _stages(
        "relu",
        (1, 3, 1, 1, 8, False),
        (1, 3, 2, 3, 16, False),
        (2, 3, 2, 6, 16, False),
        (4, 5, 2, 6, 32, True),
        (3, 3, 1, 6, 32, True),
        (3, 5, 2, 6, 88, True),
        (1, 3, 1, 6, 144, False),
    )
    return _Net(8, [_plain(rows[0]), *rows[1:]], activation="relu", excite=MNASNET_GATE)


def _mobilenet_v3_large() -> _Net:
    """Expanded channels 16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960."""
    relu = [Row(3, 1, 16), Row(3, 4, 24, 2), Row(3, 3, 24), Row(5, 3, 40, 2, True), *_repeat(2, Row(5, 3, 40, 1, True))]
    hswish = [Row(3, 6, 80, 2), Row(3, 2.5, 80), *_repeat(2, Row(3, 2.3, 80)), *_repeat(2, Row(3, 6, 112, 1, True))]
    hswish += _repeat(3, Row(5, 6, 160, 2, True))
    rows = [row._replace(activation="relu") for row in relu] + [row._replace(activation="hswish") for row in hswish]
    return _Net(16, rows, 960, "hswish", MOBILENET_V3_GATE, hidden=1280)


def _mobilenet_v3_small() -> _Net:
    """Expanded channels 16, 72, 88, 96, 240, 240, 120, 144, 288, 576, 576."""
    relu = [Row(3, 1, 16, 2, True), Row(3, 4.5, 24, 2), Row(3, 88 / 24, 24)]
    hswish = [Row(5, 4, 40, 2), *_repeat(2, Row(5, 6, 40)), *_repeat(2, Row(5, 3, 48)), *_repeat(3, Row(5, 6, 96, 2))]
    rows = [row._replace(activation="relu") for row in relu]
    rows += [row._replace(activation="hswish", se=True) for row in hswish]
    return _Net(16, rows, 576, "hswish", MOBILENET_V3_GATE, hidden=1024)


def _proxylessnas_mobile() -> _Net:
    """The released net: stages of 32, 40, 80, 96 and 192 channels, with four blocks each.

    Two of the blocks are skipped.
    """
    rows: list[Row | None] = [Row(3, 1, 16), Row(5, 3, 32, 2), Row(3, 3, 32), None, None]
    rows += [Row(7, 3, 40, 2), Row(3, 3, 40), *_repeat(2, Row(5, 3, 40))]
    rows += [Row(7, 6, 80, 2), *_repeat(3, Row(5, 3, 80)), Row(5, 6, 96), *_repeat(3, Row(5, 3, 96))]
    rows += [Row(7, 6, 192, 2), Row(7, 6, 192), *_repeat(2, Row(7, 3, 192)), Row(7, 6, 320)]
    return _Net(32, rows, fixed=0)


# the channels and strides around 19 blocks of FairNAS and 14 of MoGA
_FAIRNAS = (32, 32, *[40] * 4, *[80] * 4, *[96] * 4, *[192] * 4, 320)
_FAIRNAS_STRIDES = (2, 1, 2, 1, 1, 1, 2, *[1] * 7, 2, 1, 1, 1, 1)
_MOGA = (24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160)
_MOGA_STRIDES = (2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1)


def _fairnas(kernels: str, expansions: str) -> _Net:
    """Kernels and expansions of the 19 blocks, a digit each."""
    blocks = zip(kernels, expansions, _FAIRNAS, _FAIRNAS_STRIDES, strict=True)
    return _Net(32, [Row(3, 1, 16), *(Row(int(k), int(e), out, stride) for k, e, out, stride in blocks)])


def _moga(kernels: str, expansions: str, gates: str) -> _Net:
    """Kernels, expansions and gates (0 or 1) of the 14 blocks, a digit each.

    ReLU in the first five, then h-swish.
    """
    rows = [Row(3, 1, 16, activation="relu")]
    for i, (k, e, se, out, stride) in enumerate(zip(kernels, expansions, gates, _MOGA, _MOGA_STRIDES, strict=True)):
        rows.append(Row(int(k), int(e), out, stride, se == "1", "relu" if i < 5 else "hswish"))
    return _Net(16, rows, 960, "hswish", MOGA_GATE, hidden=1280, hidden_bias=False)


def _efficientnet_b0() -> _Net:
    stages = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
    rows = _stages("swish", *((*stage, True) for stage in (*stages, (1, 3, 1, 6, 320))))
    return _Net(32, rows, activation="swish", excite=EFFICIENTNET_GATE)


NAMED: dict[str, Callable[[], _Net]] = {
    "mobilenet-v2": _mobilenet_v2,
    "mobilenet-v3-large": _mobilenet_v3_large,
    "mobilenet-v3-small": _mobilenet_v3_small,
    "mnasnet-a1": _mnasnet_a1,
    "mnasnet-b1": _mnasnet_b1,
    "mnasnet-small": _mnasnet_small,
    "proxylessnas-mobile": _proxylessnas_mobile,
    "moga-a": lambda: _moga("57333337773355", "66663666366666", "00011100100011"),
    "moga-b": lambda: _moga("33735353775773", "33636663663666", "00000110100111"),
    "moga-c": lambda: _moga("53535555533333", "33333363366666", "00000010001111"),
    "fairnas-a": lambda: _fairnas("7373733775355337375", "3336633663633666666"),
    "fairnas-b": lambda: _fairnas("5353357335337375735", "3333633363363366666"),
    "fairnas-c": lambda: _fairnas("5373333333333377335", "3333333336333366666"),
    "efficientnet-b0": _efficientnet_b0,
}


def named_plan(name: str, scale: Scale = IMAGENET) -> NetworkPlan:
    """The plan of a published architecture.

    Args:
        name: One of `NAMED`.
        scale: Images, classes and width; by default those of the publication.

    Raises:
        UnknownName: There is none of that name.
    """
    if name not in NAMED:
        raise unknown_name("architecture", name, NAMED)
    return NAMED[name]().plan(name, scale)
