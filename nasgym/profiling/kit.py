"""`Kit`: the models of a space's blocks as files, and what measures them on any machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from nasgym.devices.block_key import KEY_COLUMNS, TEXT_COLUMNS, BlockKey
from nasgym.errors import DataError, InvalidValue, unknown_name
from nasgym.files import write_file
from nasgym.files.json_object import read_json
from nasgym.measuring import measure
from nasgym.measuring.checks import check_batch
from nasgym.networks.memory import Precision
from nasgym.networks.onnx_graph import empty_onnx, plan_onnx
from nasgym.networks.space_plans import plan_of
from nasgym.profiling.parts import parts_of
from nasgym.spaces.space import SearchSpace

__all__ = ["EMPTY", "Kit", "read_kit", "write_kit"]

FORMAT = "nasgym-kit-1"
EMPTY = "empty.onnx"
PLACES = {"kit": "kit.json", "script": "measure.py", "models": "models", "readme": "README.txt"}
README = """Blocks and networks of the search space {space}: {models} ONNX models, to be measured on any device (batch {batch}).

With onnxruntime and numpy:  python measure.py   (python measure.py --help)
It writes latencies.csv. Interrupted, it goes on where it stopped.

With any other runtime: write latencies.csv yourself, with the columns model (name of a file in models/) and latency_ms
(milliseconds for one run). Lines "# runtime: NAME", "# processor: NAME" and "# threads: 1" may stand above the columns.

Back where nasgym is:  nasgym data import device {folder}
"""


@dataclass(frozen=True)
class Kit:
    """A folder with ``kit.json``, ``models/*.onnx`` and ``measure.py``.

    One model does nothing: its latency is that of a call, which blocks share when they are run as
    one network.

    Attributes:
        folder: Where it lies.
        space: Name of the space.
        batch: Images at once.
        precision: Of weights and activations.
        blocks: `BlockKey` by file name.
        nets: Architecture, as text, by file name of the whole network.
    """

    folder: Path
    space: str
    batch: int
    precision: Precision
    blocks: Mapping[str, BlockKey]
    nets: Mapping[str, str]

    @property
    def models(self) -> dict[str, Path]:
        """All files by name."""
        return {name: self.folder / "models" / name for name in (EMPTY, *self.blocks, *self.nets)}


def write_kit(
    space: SearchSpace,
    folder: Path,
    *,
    batch: int = 1,
    precision: Precision = "float32",
    check: int = 30,
    seed: int = 0,
    progress: Callable[[float, float], None] | None = None,
) -> Kit:
    """Writes the models of all blocks of a space and of some whole networks.

    Args:
        space: A space with plans whose blocks' latencies add up.
        folder: Empty or not there yet; ``kit.json`` is written last, so a folder that has it is
            whole.
        batch: Images at once.
        precision: ``"int8"`` quantises weights (by channel) and activations
            (`nasgym.measuring.quantize`).
        check: Number of whole networks, drawn uniformly, against which sums of blocks are checked.
        seed: Of the weights and of the networks.
        progress: Called with (models written, all models).

    Raises:
        InvalidValue: The space has no plans, the folder is not empty, or a number is out of range.
        UnknownName: There is no such precision.
        MissingPackage: onnx is not installed.
    """
    check_batch(batch, precision)
    if check < 0:
        raise InvalidValue(f"check is a count of networks from 0 on, got {check}.")
    if folder.exists() and any(folder.iterdir()):
        raise InvalidValue(f"{folder} is not empty; name another folder, or remove what is in it.")
    parts = parts_of(space)
    archs = space.sample(np.random.default_rng(seed), check)
    (folder / PLACES["models"]).mkdir(parents=True, exist_ok=True)
    blocks = {f"block-{number:04d}.onnx": block for number, block in enumerate(parts)}
    nets = {f"net-{number:03d}.onnx": text for number, text in enumerate(space.to_str(archs))}
    kit = Kit(folder, space.name, batch, precision, blocks, nets)
    for number, (name, path) in enumerate(kit.models.items()):
        rng = np.random.default_rng([seed, number])
        begins = ends = True
        if name in blocks:
            part = parts[blocks[name]]
            model, begins, ends = part.onnx(rng, batch), part.begins, part.ends
        elif name in nets:
            model = plan_onnx(plan_of(space, space.from_str(nets[name])[0]), rng=rng, batch=batch)
        else:
            model = empty_onnx(batch)
        if precision == "int8" and name != EMPTY:
            from nasgym.measuring.quantize import quantize

            model = quantize(model, rng, begins=begins, ends=ends)
        path.write_bytes(model.SerializeToString())
        if progress is not None:
            progress(number + 1, len(kit.models))
    write_file(
        folder / PLACES["readme"], README.format(space=space.name, models=len(kit.models), batch=batch, folder=folder.name)
    )
    script = Path(measure.__file__)
    shutil.copyfile(script, folder / PLACES["script"])
    about: dict[str, Any] = {"format": FORMAT, "space": space.name, "batch": batch, "precision": precision}
    about["blocks"] = [{"model": name, **_key(block)} for name, block in blocks.items()]
    about["nets"] = [{"model": name, "architecture": text} for name, text in nets.items()]
    write_file(folder / PLACES["kit"], json.dumps(about, indent=1) + "\n")
    return kit


def _key(block: BlockKey) -> dict[str, Any]:
    return {column: value for column, value in asdict(block).items() if value or column == "op"}


def read_kit(folder: Path) -> Kit:
    """Reads ``kit.json``; models are not looked at.

    Raises:
        DataError: The folder is no kit, or its description is damaged.
    """
    path = folder / PLACES["kit"]
    if not path.exists():
        raise DataError(f"{folder} is no kit: it has no {path.name}; write one with `nasgym profile SPACE --kit DIR`.")
    about = read_json(path)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise DataError(f'{path} is no description of a kit; it begins with "format": "{FORMAT}".')
    try:
        blocks = {_model(path, row): _block(path, row) for row in about["blocks"]}
        nets = {_model(path, row): str(row["architecture"]) for row in about["nets"]}
        space, batch, precision = about["space"], about["batch"], about["precision"]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} lacks {error}; write the kit again.") from None
    if len(blocks) + len(nets) < len(about["blocks"]) + len(about["nets"]):
        raise DataError(f"{path} names one model twice; write the kit again.")
    if not isinstance(space, str) or type(batch) is not int or precision not in get_args(Precision):
        raise DataError(f"{path} has space={space!r}, batch={batch!r} and precision={precision!r}; write the kit again.")
    return Kit(folder, space, batch, precision, blocks, nets)


def _model(path: Path, row: Mapping[str, Any]) -> str:
    name = row["model"]
    if not isinstance(name, str) or Path(name).name != name:
        raise DataError(f"{path} names a model {name!r}; it is the name of a file in the folder 'models'.")
    return name


def _block(path: Path, row: Mapping[str, Any]) -> BlockKey:
    keys = {column: value for column, value in row.items() if column != "model"}
    for column, value in keys.items():
        if column not in KEY_COLUMNS:
            raise unknown_name(f"column of a block in {path}", column, KEY_COLUMNS)
        if type(value) is not (str if column in TEXT_COLUMNS else int):
            raise DataError(f"{path}: column {column!r} of {row['model']!r} is {value!r}, which has the wrong type.")
    return BlockKey(**keys)
