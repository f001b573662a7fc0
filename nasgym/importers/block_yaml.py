"""Published look-up tables in YAML: one text key a block; mean, count and spread.

Mean and spread are in milliseconds once they are read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nasgym.devices.block_key import BlockKey
from nasgym.devices.device_file import Latency
from nasgym.errors import DataError, MissingPackage

__all__ = ["Key", "read_block_yaml", "read_blocks"]

# of a key: the name of the block, its shapes, and for an inverted bottleneck its numbers
KEY = re.compile(
    r"(?P<op>\w+)-input:(?P<input>\d+x\d+x\d+)-output:(?P<output>\d+(?:x\d+x\d+)?)"
    r"(?:-expand:(?P<expand>\d+)-kernel:(?P<kernel>\d+)-stride:(?P<stride>\d+)-idskip:(?P<idskip>[01]))?"
    r"(?:-se:(?P<se>[01])-hs:(?P<hs>[01]))?"
)
LONGEST = 1_000_000


class Key:
    """A parsed key.

    For example ``expanded_conv-input:7x7x192-output:7x7x320-expand:3-kernel:5-stride:1-idskip:0``.

    Attributes:
        op: Name of the block.
        in_hw, in_ch, out_hw, out_ch: Shapes; a classifier's output is 1 x 1.
        numbers: ``expand``, ``kernel``, ``stride``, ``idskip``, and where the file has them ``se``
            and ``hs``.
    """

    def __init__(self, where: str, text: str) -> None:
        match = KEY.fullmatch(text)
        if match is None:
            raise DataError(
                f"{where}: {text!r} is no block of a published look-up table; they are written like "
                "'Conv-input:224x224x3-output:112x112x32' and 'expanded_conv-input:...-expand:3-kernel:5-stride:1-idskip:0'."
            )
        shapes = [[int(size) for size in match[name].split("x")] for name in ("input", "output")]
        before, after = (shape if len(shape) == 3 else [1, 1, *shape] for shape in shapes)
        if before[0] != before[1] or after[0] != after[1]:
            raise DataError(f"{where}: {text!r} is not square; tables are read for square images only.")
        self.op, self.text = match["op"], text
        self.in_hw, self.in_ch, self.out_hw, self.out_ch = before[0], before[2], after[0], after[2]
        names = ("expand", "kernel", "stride", "idskip", "se", "hs")
        self.numbers = {name: int(match[name]) for name in names if match[name] is not None}

    def block(self, where: str, *, mid_ch: int, act: str = "", resolution: int = 0) -> BlockKey:
        """The block of an inverted bottleneck, after checking that the key is consistent."""
        residual = self.numbers["stride"] == 1 and self.in_ch == self.out_ch
        if self.out_hw != -(-self.in_hw // self.numbers["stride"]) or residual != bool(self.numbers["idskip"]):
            raise DataError(f"{where}: {self.text!r} contradicts itself in its stride, shapes or idskip.")
        return BlockKey(
            "mbconv",
            self.in_hw,
            self.in_ch,
            self.out_hw,
            self.out_ch,
            mid_ch=mid_ch,
            kernel=self.numbers["kernel"],
            stride=self.numbers["stride"],
            se=self.numbers.get("se", 0),
            act=act,
            resolution=resolution,
        )

    def plain(self, ops: Mapping[str, tuple[str, int, int]], where: str, resolution: int = 0) -> BlockKey:
        """The block of anything else; `ops` has op, kernel and stride by the published name."""
        if self.op not in ops or self.numbers:
            raise DataError(f"{where}: {self.text!r} is no block of this table; it has {', '.join(ops)} and expanded_conv.")
        op, kernel, stride = ops[self.op]
        return BlockKey(
            op, self.in_hw, self.in_ch, self.out_hw, self.out_ch, kernel=kernel, stride=stride, resolution=resolution
        )


def read_block_yaml(path: Path, spread: str) -> dict[str, Latency]:
    """Latencies by key.

    Args:
        path: The file.
        spread: What it has beside mean and count: ``"std"`` in ms, or ``"var"`` in ms squared.

    Raises:
        DataError: The file is no YAML, has a key twice, or an entry has other numbers than these
            three.
        MissingPackage: PyYAML is not installed.
    """
    entries = _load(path)
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{path} holds no blocks, but {type(entries).__name__}; is it a published look-up table?")
    latencies = {}
    for key, entry in entries.items():
        if not isinstance(entry, dict) or set(entry) != {"count", "mean", spread}:
            raise DataError(f"{path}, block {key!r}: got {entry!r}, expected the numbers count, mean and {spread}.")
        bad = {
            name: value
            for name, value in entry.items()
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0
        }
        if bad or not isinstance(entry["count"], int):
            raise DataError(f"{path}, block {key!r}: {bad or entry} has a number that is no latency, spread or count.")
        deviation = float(entry[spread])
        latencies[str(key)] = Latency(
            float(entry["mean"]), math.sqrt(deviation) if spread == "var" else deviation, entry["count"]
        )
    return latencies


def read_blocks(path: Path, spread: str, block_of: Callable[[Key], BlockKey]) -> dict[BlockKey, Latency]:
    """Latencies by block.

    Args:
        path: The file.
        spread: Its name for the spread, as in `read_block_yaml`.
        block_of: What a key stands for.

    Raises:
        DataError: As `read_block_yaml`; or two keys stand for one block.
    """
    latencies: dict[BlockKey, Latency] = {}
    for text, latency in read_block_yaml(path, spread).items():
        block = block_of(Key(str(path), text))
        if block in latencies:
            raise DataError(f"{path}: {text!r} describes a block for the second time.")
        latencies[block] = latency
    return latencies


def _load(path: Path) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]  # its types are a package of their own
    except ModuleNotFoundError as error:
        raise MissingPackage(
            "published look-up tables are YAML and need the package PyYAML: pip install 'nasgym[hardware]'."
        ) from error
    try:
        text = path.read_text(encoding="utf-8")
        if len(text) > LONGEST:
            raise DataError(f"{path} has {len(text):,} characters; published look-up tables are far smaller.")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            # of two entries with one key, the last one would win in silence
            if twice := next((key for i, key in enumerate(keys) if key in keys[:i]), None):
                raise DataError(f"{path} has the block {twice!r} twice; keep one of them.")
        return loader.construct_document(node)
    except DataError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f"{path} is not readable as YAML ({' '.join(str(error).split())}).") from None
