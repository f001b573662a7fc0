"""Where device files lie: one folder for each space, as a table fits the blocks of one space."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nasgym.devices.device_file import Device, read_device
from nasgym.errors import DataError, InvalidValue, MissingData
from nasgym.files.cached import cached_by_mtime
from nasgym.files.data_folder import data_folder

__all__ = ["device_files", "device_names", "device_path", "find_device"]

# what gets a published device, by (space, device)
IMPORT_COMMANDS = {
    ("ofa", "note10"): "nasgym data import ofa PATH",
    ("proxylessnas", "pixel1"): "nasgym data import proxylessnas PATH",
    ("tunas", "pixel1"): "nasgym data import tunas PATH",
}


def device_path(space: str, name: str) -> Path:
    """Where the imported device file of that name lies, or will lie."""
    return data_folder() / "devices" / space / f"{name}.csv"


def _folders() -> tuple[Path, ...]:
    return data_folder() / "devices", Path(str(resources.files("nasgym.envs_data"))) / "devices"


def _paths(space: str) -> dict[str, Path]:
    """Imported and shipped device files of a space; of two with one name, the imported one."""
    paths: dict[str, Path] = {}
    for folder in _folders():
        for path in sorted((folder / space).glob("*.csv"), key=lambda file: file.stem):
            paths.setdefault(path.stem, path)
    return paths


def device_files() -> dict[tuple[str, str], Path]:
    """The device files in use by (space, device), imported and shipped ones of all spaces."""
    spaces = sorted({path.name for folder in _folders() for path in folder.glob("*") if path.is_dir()})
    return {(space, name): path for space in spaces for name, path in _paths(space).items()}


def device_names(space: str) -> list[str]:
    """The devices that there are for a space, imported ones first."""
    return list(_paths(space))


def find_device(space: str, name: str) -> Device:
    """Reads the device of a space.

    Raises:
        MissingData: There is none of that name; the message has the command that gets it.
        InvalidValue: There is one of that name, but for another space.
        DataError: The file is damaged.
    """
    paths = _paths(space)
    if name in paths:
        device = _read(paths[name])
        if device.name != name:
            raise DataError(f"{paths[name]} holds the device {device.name!r}; name the file after it.")
        return device
    others = {path.parent.name for folder in _folders() for path in folder.glob(f"*/{name}.csv")} if "/" not in name else set()
    command = IMPORT_COMMANDS.get((space, name))
    known = ", ".join(paths) or "none"
    if others and command is None:
        raise InvalidValue(
            f"device {name!r} was measured for the blocks of {', '.join(map(repr, sorted(others)))}, not of {space!r}; devices of "
            f"{space!r}: {known}."
        )
    hint = f"get it with `{command}`" if command else f"put its file at {device_path(space, name)}"
    raise MissingData(
        f"device {name!r} of space {space!r} is not in {data_folder()}; {hint} (NASGYM_DATA names another folder). There are: "
        f"{known}."
    )


@cached_by_mtime(maxsize=16)
def _read(path: Path) -> Device:
    # the folder is named after the space
    return read_device(path, path.parent.name)
