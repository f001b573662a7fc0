"""The Once-for-All space on MobileNetV3: resolution, and five stages of two to four blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasgym.spaces.decision import Decision
from nasgym.spaces.layer import Layer
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Bools

__all__ = ["BLOCKS", "DEPTHS", "EXPANSIONS", "KERNELS", "RESOLUTIONS", "STAGES", "OnceForAllSpace"]

RESOLUTIONS = (160, 176, 192, 208, 224)
KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
DEPTHS = (2, 3, 4)
STAGES = 5
# of a stage at its largest depth
BLOCKS = 4
# a stage's decisions: kernel and expansion of two blocks, depth, kernel and expansion of two more
_WIDTH = 2 * BLOCKS + 1


class OnceForAllSpace(SearchSpace):
    """Once-for-All (Cai et al., 1908.09791): a resolution and five stages, 1.09 x 10^20 networks.

    A stage has 2, 3 or 4 blocks. A block is an MBConv with kernel 3, 5 or 7 and expansion 3, 4 or
    6. Resolutions are the five that the published latencies were measured at, 160 to 224 in steps
    of 16. All this is as in the published code. There are 46 decisions in 16 layers: the
    resolution, and for each stage its first block, its second block, and its tail: the depth and
    the third and fourth block, of which those beyond the depth are inactive. The published code has
    the depth of a stage beside its blocks; here it stands before the blocks that it switches off,
    which makes a stage's tail a layer of 1 + 9 + 81 options.

    Text form: the resolution, then the stages; the blocks of a stage are joined by dashes, so that
    their number is its depth: ``"r160,k3e3-k3e3,k5e6-k3e4-k7e6,..."``. The default is the most
    expensive network: 224, depth 4, ``k7e6`` everywhere.
    """

    def __init__(self) -> None:
        decisions = [Decision("resolution", RESOLUTIONS, "resolution")]
        layers = [("resolution", 1)]
        for stage in range(1, STAGES + 1):
            name, depth = f"stage{stage}", f"stage{stage}.depth"
            for block in range(1, BLOCKS + 1):
                if block == 3:
                    decisions.append(Decision(depth, DEPTHS, "depth"))
                runs = None if block < 3 else (depth, tuple(d for d in DEPTHS if d >= block))
                decisions.append(Decision(f"{name}.block{block}.kernel", KERNELS, "kernel", runs))
                decisions.append(Decision(f"{name}.block{block}.expansion", EXPANSIONS, "expansion", runs))
            layers += [(f"{name}.block1", 2), (f"{name}.block2", 2), (f"{name}.tail", 5)]
        super().__init__("ofa", decisions, layers=layers)

    @staticmethod
    def parts(archs: Archs) -> tuple[Archs, Archs, Archs, Archs]:
        """The choices of complete or partial architectures, by kind.

        Args:
            archs: ``(N, 46)`` choices, -1 where open.

        Returns:
            ``(N,)`` resolution, ``(N, 5)`` depths, ``(N, 5, 4)`` kernels, ``(N, 5, 4)`` expansions,
            all as indices of choices.
        """
        stages = archs[:, 1:].reshape(len(archs), STAGES, _WIDTH)
        blocks = np.delete(stages, 4, axis=2).reshape(len(archs), STAGES, BLOCKS, 2)
        return archs[:, 0], stages[:, :, 4], blocks[..., 0], blocks[..., 1]

    @staticmethod
    def used(depths: Archs) -> Bools:
        """``(N, 5, 4)`` which blocks there are, from ``(N, 5)`` choices of depth."""
        return np.asarray(np.arange(BLOCKS) < np.array(DEPTHS)[depths][:, :, None])

    def layer_text(self, layer: Layer, choices: Archs) -> str:
        """See `SearchSpace.layer_text`."""
        texts = ["?" if choice < 0 else "" for choice in choices.tolist()]
        if layer.name == "resolution":
            return f"r{texts[0] or RESOLUTIONS[choices[0]]}"
        first, rows = 0, 2
        if len(choices) > 2:
            if choices[0] < 0:
                return "?"
            first, rows = 1, 1 + 2 * (DEPTHS[choices[0]] - 2)
        blocks = []
        for at in range(first, rows, 2):
            kernel = texts[at] or str(KERNELS[choices[at]])
            blocks.append(f"k{kernel}e{texts[at + 1] or EXPANSIONS[choices[at + 1]]}")
        return "-".join(blocks)

    def join(self, parts: Sequence[str]) -> str:
        """See `SearchSpace.join`."""
        stages = ["-".join(part for part in parts[at : at + 3] if part) for at in range(1, len(parts), 3)]
        return ",".join([parts[0], *stages])

    def split(self, text: str) -> list[str]:
        """See `SearchSpace.split`."""
        resolution, *stages = (part.strip() for part in text.split(","))
        parts = [resolution]
        for stage in stages:
            # two blocks and the rest; fewer give fewer parts, which from_str() refuses
            blocks = stage.split("-", 2)
            parts += blocks if len(blocks) != 2 else [*blocks, ""]
        return parts
