"""The space of NAS with reinforcement learning: how many layers, and what each of them reads."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.spaces.decision import Decision, Label
from nasgym.spaces.layer import Layer
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs

__all__ = ["NASRLSpace"]

STOP, MORE = "stop", "more"
SKIP = ("no", "yes")
LAYER = re.compile(r"(\d+)x(\d+)x(\d+)(?:s(\d+)x(\d+))?((?:\+\d+)*)")


class NASRLSpace(SearchSpace):
    """Convolutions whose number is decided, each reading any of the earlier ones.

    Zoph and Le, "Neural Architecture Search with Reinforcement Learning" (1611.01578), the networks
    for CIFAR-10. A layer chooses its filter's height and width, its number of filters, where wanted
    its strides, and for each earlier layer whether that is an input (an anchor point of the paper).
    Inputs are concatenated in depth; a layer without input reads the image, and what no layer reads
    is concatenated before the classifier. Before every layer beyond `min_layers` stands the
    decision whether there is one more. The paper's controller stops at a length that its schedule
    raises from 6 layers on; its networks have 15, 20 and 39 layers.

    Text form: one part for each layer, height x width x filters, then the strides, then the numbers
    of the layers that it reads: ``"3x3x36,5x7x48s2x2+1,7x7x48+1+2"``.

    Args:
        heights: Filter heights; 1, 3, 5 and 7 in the paper, and so are the widths.
        widths: Filter widths.
        filters: Numbers of filters; 24, 36, 48 and 64 in the paper.
        strides: Strides, chosen for height and width each: 1, 2 and 3 in the paper's second
            experiment; None fixes them at 1, as in its first.
        min_layers: Layers of the shortest architecture.
        max_layers: Layers of the longest one.

    Raises:
        InvalidValue: A number is no positive whole one, stands twice, or there are no lengths.
    """

    def __init__(
        self,
        *,
        heights: Sequence[int] = (1, 3, 5, 7),
        widths: Sequence[int] = (1, 3, 5, 7),
        filters: Sequence[int] = (24, 36, 48, 64),
        strides: Sequence[int] | None = None,
        min_layers: int = 6,
        max_layers: int = 15,
    ) -> None:
        _check({"heights": heights, "widths": widths, "filters": filters, "strides": (1,) if strides is None else strides})
        if not 1 <= min_layers <= max_layers:
            raise InvalidValue(f"layers go from min_layers, at least 1, to max_layers; got {min_layers!r} to {max_layers!r}.")
        self.min_layers, self.max_layers, self._strided = min_layers, max_layers, strides is not None
        decisions: list[Decision] = []
        layers: list[tuple[str, int]] = []
        ends: dict[str, tuple[Label, ...]] = {}
        for number in range(1, max_layers + 1):
            name = f"layer{number}"
            if number > min_layers:
                decisions.append(Decision(f"{name}.more", (STOP, MORE), "depth"))
                layers.append((f"{name}.more", 1))
                ends[f"{name}.more"] = (STOP,)
            made = [
                Decision(f"{name}.height", tuple(heights), "kernel"),
                Decision(f"{name}.width", tuple(widths), "kernel"),
                Decision(f"{name}.filters", tuple(filters), "width"),
                *(Decision(f"{name}.stride_{side}", tuple(strides), "resolution") for side in ("height", "width") if strides),
                *(Decision(f"{name}.from{earlier}", SKIP, "input") for earlier in range(1, number)),
            ]
            decisions += made
            layers.append((name, len(made)))
        super().__init__("nas-rl", decisions, layers=layers, ends=ends)

    def layer_text(self, layer: Layer, choices: Archs) -> str:
        """See `SearchSpace.layer_text`."""
        if (choices < 0).all():
            return "?"
        labels = [
            "?" if choice < 0 else str(self.decisions[column].choices[choice])
            for column, choice in zip(layer.columns, choices.tolist(), strict=True)
        ]
        if len(labels) == 1:
            return labels[0]
        shape = 5 if self._strided else 3
        strides = f"s{labels[3]}x{labels[4]}" if self._strided else ""
        inputs = [f"+{number}" for number, label in enumerate(labels[shape:], 1) if label == SKIP[1]]
        unknown = "+?" if "?" in labels[shape:] else ""
        return "x".join(labels[:3]) + strides + "".join(inputs) + unknown

    def read_layer(self, layer: Layer, text: str) -> Archs:
        """See `SearchSpace.read_layer`."""
        match = LAYER.fullmatch(text)
        if match is None or (match[4] is None) == self._strided:
            raise InvalidValue(
                f"{text!r} is no layer of {self.name!r}; written like {self.layer_text(layer, self.default[layer.slice])!r}."
            )
        *shape, inputs = match.groups()
        wanted = [part for part in shape if part is not None]
        read = [f"from{number}" for number in inputs.split("+")[1:]]
        for column in layer.columns[len(wanted) :]:
            name = self.names[column].removeprefix(f"{layer.name}.")
            wanted.append(SKIP[name in read])
        if len(set(read)) != len(read) or wanted.count(SKIP[1]) != len(read):
            raise InvalidValue(f"{text!r} reads other layers than those before {layer.name!r}, or one of them twice.")
        choices = []
        for column, label in zip(layer.columns, wanted, strict=True):
            names = [str(choice) for choice in self.decisions[column].choices]
            if label not in names or not self.allowed[column, names.index(label)]:
                kept = [known for known, fine in zip(names, self.allowed[column], strict=False) if fine]
                raise unknown_name(f"choice of {self.names[column]!r}", label, kept)
            choices.append(names.index(label))
        return np.array(choices, dtype=np.int8)

    def join(self, parts: Sequence[str]) -> str:
        """See `SearchSpace.join`; how far an architecture goes is seen from its layers."""
        stops = range(self.min_layers, len(parts), 2)
        written = [part for i, part in enumerate(parts) if i not in stops or part == "?"]
        while written[-2:] == ["?", "?"] and len(written) > self.min_layers + 1:
            written.pop()
        return ",".join(written)

    def split(self, text: str) -> list[str]:
        """See `SearchSpace.split`."""
        given, parts = super().split(text), []
        for number, part in enumerate(given, 1):
            parts += [MORE, part] if number > self.min_layers else [part]
        return [*parts, STOP] if self.min_layers <= len(given) < self.max_layers else parts


def _check(choices: dict[str, Sequence[int]]) -> None:
    for name, numbers in choices.items():
        if not numbers or len(set(numbers)) != len(numbers) or not all(type(n) is int and n > 0 for n in numbers):
            raise InvalidValue(f"{name} are different whole numbers from 1 on, got {numbers!r}.")
