"""`profile`: from a space to a device file of this machine, with a check against whole networks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

from nasgym.devices.device_file import DEVICE_NAME, RESERVED, Device, Latency, write_device
from nasgym.devices.layout import block_layout
from nasgym.errors import DataError, InvalidValue
from nasgym.measuring.checks import measure_errors
from nasgym.measuring.latency_cache import THIS_MACHINE, LatencyCache
from nasgym.measuring.measure import (
    Model,
    Options,
    Timing,
    check_provider,
    describe_machine,
    measure,
    pinned,
    time_burst,
    timing_of,
)
from nasgym.networks.memory import Precision
from nasgym.networks.onnx_graph import block_onnx
from nasgym.networks.plan import MBConv
from nasgym.profiling.additivity import Additivity, additivity, draw_additivity, write_report
from nasgym.profiling.kit import EMPTY, Kit, read_kit, write_kit
from nasgym.spaces.space import SearchSpace

__all__ = ["Profiled", "check_quiet", "device_of", "measured", "profile", "write_results"]

# of the reference block, before anything is measured
QUIET_BURSTS, QUIET_BURST_MS, QUIET_ERROR = 40, 40.0, 0.1
NOISY_SHARE = 0.25


@dataclass(frozen=True)
class Profiled:
    """What a profile gives.

    Attributes:
        device: The look-up table.
        timings: Of every model of the kit, by file name.
        check: Sums of blocks against whole networks, None where none were measured.
        written: The files: the device file, then report and picture where there was a check.
    """

    device: Device
    timings: Mapping[str, Timing]
    check: Additivity | None
    written: tuple[Path, ...]


def check_quiet(options: Options) -> float:
    """Times one block for a second or two: can anything be measured on this machine now?

    Returns:
        Half of the interval of its latency, as a share of it; near 0 on an idle machine.

    Raises:
        InvalidValue: The share is larger than 10 %.
        DataError: onnxruntime cannot run the block.
    """
    block = MBConv(24, 144, 24, 3, activation="relu6", residual=True)
    model = block_onnx(block, 28, rng=np.random.default_rng(0)).SerializeToString()
    longer = replace(options, burst_ms=QUIET_BURST_MS)
    with measure_errors(), pinned(options.threads, options.pin):
        bursts = [time_burst("reference", model, longer) for _ in range(QUIET_BURSTS)]
        found = timing_of(bursts, QUIET_ERROR, options.seed)
    if found.noisy:
        raise InvalidValue(
            f"this machine is too noisy to measure on: within seconds, the latency of one and the same block was anything between "
            f"{found.low_ms:.3f} and {found.high_ms:.3f} ms. Stop other programs and try again, or accept what comes out with --accept-noise."
        )
    return found.error


def measured(
    models: Mapping[str, Model],
    options: Options,
    log: Path | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> dict[str, Timing]:
    """`nasgym.measuring.measure.measure`, with the errors of this package."""
    with measure_errors():
        return measure(models, options, log=log, progress=progress)


def device_of(
    kit: Kit, timings: Mapping[str, Timing], name: str, *, runtime: str, threads: int | None, source: str, note: str = ""
) -> Device:
    """The look-up table that a measured kit gives.

    The latency of a block is that of its model less that of the model that does nothing, because a
    network is called once; the classifier keeps it. Where that model was not measured, nothing is
    taken off.

    Raises:
        DataError: A block was not measured, or a value is not allowed in a device file.
    """
    lacking = [model for model in kit.blocks if model not in timings]
    if lacking:
        raise DataError(
            f"{len(lacking)} of the {len(kit.blocks)} blocks of the kit were not measured, the first is {lacking[0]!r}; measure "
            "the rest and import again."
        )
    call = timings[EMPTY].latency_ms if EMPTY in timings else 0.0
    latencies = {}
    for model, block in kit.blocks.items():
        timing = timings[model]
        own = timing.latency_ms if block.op == "logits" else max(0.0, timing.latency_ms - call)
        latencies[block] = Latency(round(own, 7), round(timing.spread_ms, 7), timing.count)
    return Device(name, kit.space, runtime, threads, kit.batch, kit.precision, latencies, source=source, note=note)


def write_results(space: SearchSpace, kit: Kit, timings: Mapping[str, Timing], device: Device, path: Path) -> Profiled:
    """Writes the device file, and a report and a picture beside it where networks were measured."""
    noisy = {name: timing for name, timing in timings.items() if timing.noisy and name in kit.blocks}
    nets = {name: text for name, text in kit.nets.items() if name in timings}
    check = additivity(space, device, nets, timings) if nets else None
    notes = [device.note] if device.note else []
    notes += [f"{len(noisy)} of {len(kit.blocks)} blocks noisy"] if noisy else []
    notes += [f"{len(nets)} of {len(kit.nets)} networks measured"] if len(nets) < len(kit.nets) else []
    notes += [str(check)] if check else []
    device = replace(device, note="; ".join(notes))
    written = [write_device(device, path)]
    if check:
        named = {f"{name}: {kit.blocks[name]}": timing for name, timing in noisy.items()}
        written.append(write_report(check, device, named, path.with_suffix(".report.json")))
        title = f"{device.name}: {device.space}, {device.runtime}, {device.precision}"
        written.append(draw_additivity(check, title, path.with_suffix(".report.png")))
    return Profiled(device, timings, check, tuple(written))


def profile(
    space: SearchSpace,
    name: str,
    path: Path,
    options: Options,
    *,
    work: Path,
    batch: int = 1,
    precision: Precision = "float32",
    check: int = 30,
    accept_noise: bool = False,
    progress: Callable[[str, float, float], None] | None = None,
) -> Profiled:
    """Measures the blocks of a space, and whole networks in the same rounds, on this machine.

    Args:
        space: A space with plans whose blocks' latencies add up.
        name: Of the device, lower case.
        path: The device file to write.
        options: How it is measured.
        work: Folder of the models and of what was measured so far; when it is there, the
            measurement goes on from it, and when the device file is written, it is removed.
        batch: Images at once.
        precision: ``"float32"`` or ``"int8"``.
        check: Number of whole networks.
        accept_noise: Writes the file even on a noisy machine.
        progress: Called with (what is being done, models done, all models).

    Raises:
        InvalidValue: The machine is too noisy, `work` belongs to another profile, or a value is out
            of range.
        DataError: A model cannot be run.
        ModuleNotFoundError: matplotlib or scipy, which the check needs, is not installed.
    """
    if not DEVICE_NAME.fullmatch(name) or name == RESERVED:
        raise InvalidValue(
            f"{name!r} is no name of a device: lower-case letters, digits, dot, dash, underscore; and not {RESERVED!r}."
        )
    with measure_errors(InvalidValue):
        check_provider(options.provider)
    block_layout(space)  # says so where a space cannot be profiled
    if check:  # before anything is measured
        import_module("matplotlib")
        import_module("scipy")
    if progress is not None:
        progress("waiting for another measurement", 0, 1)
    with LatencyCache().sole_measurer(THIS_MACHINE):
        if not accept_noise:
            check_quiet(options)
        building = None if progress is None else partial(progress, "building models")
        measuring = None if progress is None else partial(progress, "measuring")
        kit = _kit(space, work, batch, precision, check, options.seed, building)
        timings = measured(kit.models, options, work / "latencies.log", measuring)
        noisy = [model for model in kit.blocks if timings[model].noisy]
        if len(noisy) > NOISY_SHARE * len(kit.blocks) and not accept_noise:
            raise InvalidValue(
                f"{len(noisy)} of {len(kit.blocks)} blocks stayed noisy: their intervals are wider than {100 * options.tolerance:g} % "
                f"after {options.max_rounds} rounds. Stop other programs and measure on with --max-rounds {2 * options.max_rounds}, or from "
                f"the start (remove {work}); or accept it with --tolerance {2 * options.tolerance:g} or --accept-noise."
            )
        machine = describe_machine(options.provider)
        source = f"nasgym profile {space.name}; {machine['processor']}, {machine['cores']} cores, {machine['system']}"
        runtime = f"{machine['runtime']} {options.provider}"
        device = device_of(kit, timings, name, runtime=runtime, threads=options.threads, source=source)
        path.parent.mkdir(parents=True, exist_ok=True)
        done = write_results(space, kit, timings, device, path)
        shutil.rmtree(work)
    return done


def _kit(
    space: SearchSpace,
    work: Path,
    batch: int,
    precision: Precision,
    check: int,
    seed: int,
    progress: Callable[[float, float], None] | None,
) -> Kit:
    """The kit in the work folder: the one that is there, or a new one."""
    if (work / "kit.json").is_file():
        kit = read_kit(work)
        if (kit.space, kit.batch, kit.precision, len(kit.nets)) != (space.name, batch, precision, check):
            raise InvalidValue(
                f"{work} has the models of another profile (space {kit.space!r}, batch {kit.batch}, {kit.precision}, {len(kit.nets)} "
                "networks); finish that one with its options, or remove the folder."
            )
        return kit
    if work.exists():  # building was interrupted
        shutil.rmtree(work)
    return write_kit(space, work, batch=batch, precision=precision, check=check, seed=seed, progress=progress)
