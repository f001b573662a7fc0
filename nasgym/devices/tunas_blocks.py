"""The terms of TuNAS's linear latency model of ``proxylessnas_search``.

(Code: google-research/google-research:tunas/mobile_cost_model.py, cost_model_data.py.) Every place
has coefficients of its own, a left-out block too, and equal networks whose blocks are left out at
different places differ in their modelled latency.
"""

from __future__ import annotations

from nasgym.devices.block_key import BlockKey
from nasgym.devices.layout import BlockLayout
from nasgym.devices.proxylessnas_blocks import Slot, slot_options, slots
from nasgym.spaces.mobile_tunas import TuNASSpace
from nasgym.spaces.space import SearchSpace

__all__ = ["CONSTANT", "layout", "model_terms"]

WIDTHS = (32, 40, 80, 96, 192, 320)
CONSTANT = BlockKey("constant")
KERNELS, EXPANSIONS = (3, 5, 7), (3, 6)


def _first(kernel: int) -> BlockKey:
    return BlockKey("sepconv", 112, 32, 112, 16, kernel=kernel, stride=1, layer="layer0")


def _skip(slot: Slot) -> BlockKey:
    return BlockKey("skip", slot.in_hw, slot.in_ch, slot.out_hw, slot.out_ch, stride=slot.stride, layer=slot.layer)


def model_terms() -> list[BlockKey]:
    """What the model's weights stand for, in order: kernel before expansion, leaving out last."""
    terms = [_first(kernel) for kernel in KERNELS]
    for slot, layer in zip(slots(WIDTHS, 1), TuNASSpace().layers[1:], strict=True):
        terms += [slot.block(kernel, expansion) for kernel in KERNELS for expansion in EXPANSIONS]
        if len(layer.columns) == 3:
            terms.append(_skip(slot))
    return terms


def layout(space: SearchSpace) -> BlockLayout:
    """The terms of the space or of a restriction of it."""
    first = tuple((_first(KERNELS[option[0]]),) for option in space.layers[0].options.tolist())
    places = zip(space.layers[1:], slots(WIDTHS, 1), strict=True)
    rest = [slot_options(space, layer, slot, (_skip(slot),)) for layer, slot in places]
    return BlockLayout(((CONSTANT,),), ((first, *rest),))
