"""The Digits space: five MBConv layers on 8 x 8 images, few enough to train every network."""

from __future__ import annotations

from nasgym.spaces.decision import Decision
from nasgym.spaces.layer import Layer
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["DigitsSpace"]

NUM_LAYERS = 5


class DigitsSpace(SearchSpace):
    """Five layers, each ``skip`` or an MBConv: 15 decisions, 5^5 = 3,125 architectures.

    An MBConv has kernel 3 or 5 and expansion 3 or 6. Layers 2 and 3 have the same shape and a skip
    is the identity there, so it does not matter which of the two is skipped: 2,625 networks are
    different (`canonical` skips layer 3). Kernel and expansion are inactive where the op is
    ``skip``. Text form: ``"k3e6,skip,k5e3,k3e3,k5e6"``. The default is the most expensive network
    (``k5e6`` five times). The skeleton around the layers is `nasgym.networks.digits`.
    """

    def __init__(self) -> None:
        decisions: list[Decision] = []
        for i in range(1, NUM_LAYERS + 1):
            runs = (f"layer{i}.op", ("mbconv",))
            decisions += [
                Decision(f"layer{i}.op", ("skip", "mbconv"), "op"),
                Decision(f"layer{i}.kernel", (3, 5), "kernel", active_if=runs),
                Decision(f"layer{i}.expansion", (3, 6), "expansion", active_if=runs),
            ]
        super().__init__("digits", decisions, layers=[(f"layer{i}", 3) for i in range(1, NUM_LAYERS + 1)])

    def canonical_valid(self, archs: Archs) -> Archs:
        """See `SearchSpace.canonical_valid`."""
        second, third = slice(3, 6), slice(6, 9)
        swap = (archs[:, 3] == 0) & (archs[:, 6] != 0)
        if not swap.any():
            return archs
        merged = archs.copy()
        merged[swap, second], merged[swap, third] = archs[swap, third], archs[swap, second]
        return merged

    def layer_text(self, layer: Layer, choices: Archs) -> str:
        """See `SearchSpace.layer_text`."""
        op, kernel, expansion = choices.tolist()
        if op < 0:
            return "?"
        if op == 0:
            return "skip"
        # index -1 (open) reads the last entry
        return f"k{(3, 5, '?')[kernel]}e{(3, 6, '?')[expansion]}"
