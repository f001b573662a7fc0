"""Times ONNX models with onnxruntime.

This file needs nothing but onnxruntime and numpy, and goes into every kit as it is.

Models are timed in interleaved rounds: in each round, in a new random order, every unfinished
model gets a session of its own, a warm-up and one burst of runs. What a busy neighbour does to a
machine then falls on all models alike, and a model is never judged by one moment. The latency is
the 10th percentile of all runs; its interval comes from resampling whole rounds. A model is
finished when the interval is narrow enough, and noisy when it never gets there.

Every burst is appended to a log, so that a killed measurement goes on where it stopped.

In a kit: ``python measure.py`` in its folder; ``python measure.py --help`` has the options.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

CPU = "CPUExecutionProvider"
QUANTILE = 0.1
RESAMPLES = 200
CONFIDENCE = 0.95
# of a round, so many of its runs enter the latency: thousands of runs of a tiny model say no more
MOST_RUNS = 30
# providers that hand work on and measure nothing here
REMOTE = {"AzureExecutionProvider"}
LOG_FORMAT = "nasgym-timings-1"
COLUMNS = ("model", "latency_ms", "low_ms", "high_ms", "spread_ms", "count", "noisy")
Model = bytes | Path


class MeasureError(Exception):
    """What the user can do something about; one sentence."""


@dataclass(frozen=True)
class Options:
    """How models are timed.

    Attributes:
        threads: Threads inside one operator; the process is pinned to as many cores.
        provider: Execution provider of onnxruntime.
        tolerance: A model is finished when half of its interval is at most this share of its
            latency.
        min_rounds, max_rounds: Rounds for each model; one that is not finished after the last
            round is noisy.
        burst_ms: A burst lasts about so long, but has at least `min_runs` and at most `max_runs`
            runs.
        warm_up: Runs before each burst that are not counted.
        pin: Whether to pin the process to cores, where the system can.
        seed: Of the order of the models, the inputs and the resampling.
    """

    threads: int = 1
    provider: str = CPU
    tolerance: float = 0.02
    min_rounds: int = 10
    max_rounds: int = 40
    burst_ms: float = 20.0
    min_runs: int = 5
    max_runs: int = 2000
    warm_up: int = 2
    pin: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.threads, self.min_rounds, self.min_runs, self.max_runs)
        if min(counts) < 1 or self.max_rounds < self.min_rounds or self.tolerance <= 0 or self.burst_ms <= 0:
            raise MeasureError(
                f"threads, rounds, runs, tolerance and burst_ms are positive, max_rounds >= min_rounds; got {self}."
            )


@dataclass(frozen=True)
class Timing:
    """What was found for a model.

    Attributes:
        latency_ms: 10th percentile of all runs, in milliseconds.
        low_ms, high_ms: Its interval from resampled rounds, nominally 95 %; it covers a little less
            while rounds are few.
        spread_ms: Standard deviation of the rounds' own 10th percentiles.
        count: Runs that were counted.
        noisy: Whether the interval stayed wider than asked for.
    """

    latency_ms: float
    low_ms: float
    high_ms: float
    spread_ms: float
    count: int
    noisy: bool

    @property
    def error(self) -> float:
        """Half of the interval as a share of the latency."""
        return (self.high_ms - self.low_ms) / 2 / self.latency_ms


def timing_of(rounds: Sequence[Sequence[float]], tolerance: float, seed: int = 0) -> Timing:
    """The latency of a model from the milliseconds of its runs, one sequence a round.

    Rounds are resampled as wholes, since the runs of a burst share what goes on beside them.
    """
    thinned = [_thin(runs) for runs in rounds]
    values = np.concatenate(thinned)
    owners = np.repeat(np.arange(len(thinned)), [len(runs) for runs in thinned])
    order = np.argsort(values, kind="stable")
    values, owners = values[order], owners[order]
    drawn = np.random.default_rng(seed).multinomial(len(rounds), np.full(len(rounds), 1 / len(rounds)), size=RESAMPLES)
    latency = float(_quantiles(values, np.ones((1, len(values))))[0])
    low, high = np.quantile(_quantiles(values, drawn[:, owners]), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    low, high = min(float(low), latency), max(float(high), latency)
    each = np.array([np.quantile(runs, QUANTILE) for runs in thinned])
    spread = float(each.std(ddof=1)) if len(each) > 1 else 0.0
    noisy = bool((high - low) / 2 > tolerance * latency) or len(each) < 2
    return Timing(latency, low, high, spread, sum(map(len, rounds)), noisy)


def _thin(runs: Sequence[float]) -> np.ndarray:
    """The runs of a round, sorted; of many, the middles of `MOST_RUNS` equal parts."""
    found = np.sort(np.asarray(runs, dtype=np.float64))
    if len(found) <= MOST_RUNS:
        return found
    return found[((np.arange(MOST_RUNS) + 0.5) * len(found) / MOST_RUNS).astype(np.int64)]


def _quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``(R,)`` 10th percentiles of ``(n,)`` sorted values under ``(R, n)`` weights."""
    reached = np.cumsum(weights, axis=1)
    return np.asarray(values[(reached >= QUANTILE * reached[:, -1:] - 1e-9).argmax(axis=1)])


# ---- the machine -------------------------------------------------------------------------------


def describe_machine(provider: str = CPU) -> dict[str, str]:
    """What latencies depend on: processor, system, onnxruntime."""
    onnxruntime = _onnxruntime()
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "cores": str(len(_allowed_cores()) or os.cpu_count() or 0),
        "runtime": f"onnxruntime {onnxruntime.__version__}",
        "provider": provider,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return platform.processor() or "unknown"
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    fields = {key.strip(): value.strip() for key, value in pairs}
    return fields.get("model name") or fields.get("Hardware") or platform.processor() or "unknown"


def _allowed_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def pinned(threads: int, wanted: bool = True) -> Iterator[None]:
    """Keeps the process on its last `threads` cores, where the system can.

    The first ones are what everything else likes.
    """
    allowed = _allowed_cores()
    if not wanted or not allowed or threads >= len(allowed):
        yield
        return
    os.sched_setaffinity(0, allowed[-threads:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MeasureError(
            "latencies are measured with onnxruntime, which is not installed: pip install onnxruntime"
        ) from error
    return onnxruntime


def check_provider(provider: str) -> None:
    """Says whether this onnxruntime has an execution provider.

    Raises:
        MeasureError: It has not; the message names those that it has.
    """
    known = _onnxruntime().get_available_providers()
    if provider in REMOTE:
        raise MeasureError(f"{provider} runs models elsewhere, so nothing can be timed with it here.")
    if provider not in known:
        raise MeasureError(f"this onnxruntime has no provider {provider!r}; it has {', '.join(known)}.")


# ---- one burst ---------------------------------------------------------------------------------


def open_session(name: str, model: Model, options: Options) -> Any:
    """An onnxruntime session for a model.

    Raises:
        MeasureError: The model is not readable; the message names it.
    """
    onnxruntime = _onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    try:
        session = onnxruntime.InferenceSession(source, settings, providers=[options.provider])
    except Exception as error:  # onnxruntime's own classes share no other base
        raise MeasureError(f"model {name!r} is not readable by onnxruntime: {_short(error)}") from None
    if session.get_providers()[0] != options.provider:
        raise MeasureError(
            f"onnxruntime took {session.get_providers()[0]} in the place of {options.provider}, whose libraries or hardware are not "
            "there; install them, or measure with another provider."
        )
    return session


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _inputs(session: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    kinds: dict[str, Any] = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}
    made = {}
    for wanted in session.get_inputs():
        shape = [axis if isinstance(axis, int) else 1 for axis in wanted.shape]
        if wanted.type not in kinds:
            raise MeasureError(f"input {wanted.name!r} is a {wanted.type}; known are {', '.join(kinds)}.")
        kind = kinds[wanted.type]
        values = rng.standard_normal(shape) if kind is np.float32 else rng.integers(0, 100, shape)
        made[wanted.name] = values.astype(kind)
    return made


def time_burst(name: str, model: Model, options: Options) -> list[float]:
    """Milliseconds of each run of a burst, in a session of its own and after a warm-up.

    Raises:
        MeasureError: The model is not readable or cannot be run; the message names it.
    """
    session = open_session(name, model, options)
    clock = time.perf_counter_ns
    try:
        feed = _inputs(session, np.random.default_rng(options.seed))
        warm = 0.0
        for _ in range(max(1, options.warm_up)):
            start = clock()
            session.run(None, feed)
            warm = (clock() - start) / 1e6
        runs = int(np.clip(options.burst_ms / max(warm, 1e-6), options.min_runs, options.max_runs))
        times = []
        for _ in range(runs):
            start = clock()
            session.run(None, feed)
            times.append((clock() - start) / 1e6)
    except Exception as error:  # as above
        raise MeasureError(f"model {name!r} cannot be run by onnxruntime: {_short(error)}") from None
    return times


# ---- the log -----------------------------------------------------------------------------------


class Log:
    """Bursts on disk, one JSON line each; the first line says what they belong to.

    Args:
        path: The file, or None for none.
        fingerprint: Of everything that latencies depend on; bursts of another one are refused.

    Raises:
        MeasureError: The file belongs to another measurement, or is no log.
    """

    def __init__(self, path: Path | None, fingerprint: str) -> None:
        self.path, self.bursts = path, dict[str, list[list[float]]]()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # a kill can leave half a line at the end
        lines = whole.splitlines()
        if lines:
            self._read(path, lines, fingerprint)
        with path.open("w" if not lines else "r+", encoding="utf-8") as file:
            if lines:
                file.truncate(len(whole.encode()))
            else:
                file.write(json.dumps({"format": LOG_FORMAT, "fingerprint": fingerprint}) + "\n")

    def _read(self, path: Path, lines: Sequence[str], fingerprint: str) -> None:
        try:
            head = json.loads(lines[0])
            found = [json.loads(line) for line in lines[1:]]
            if head["format"] != LOG_FORMAT:
                raise ValueError(head["format"])
            belongs = head["fingerprint"]
            for burst in found:
                self.bursts.setdefault(str(burst["model"]), []).append([float(ms) for ms in burst["ms"]])
        except (ValueError, KeyError, TypeError):
            raise MeasureError(f"{path} is no log of a measurement; remove it to begin again.") from None
        if belongs != fingerprint:
            raise MeasureError(
                f"{path} belongs to a measurement of other models, options or another machine; remove it to begin again."
            )

    def add(self, name: str, times: Sequence[float]) -> None:
        """Appends a burst."""
        rounded = [round(ms, 7) for ms in times]
        self.bursts.setdefault(name, []).append(rounded)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"model": name, "ms": rounded}) + "\n")


def fingerprint_of(models: Mapping[str, Model], options: Options) -> str:
    """Hash of machine, models and the options that change what is timed (16 hex digits).

    Options that say how long to measure are left out.
    """
    machine = describe_machine(options.provider)
    del machine["cores"]  # those that this process may use at the moment
    chosen = {key: value for key, value in asdict(options).items() if key not in ("tolerance", "min_rounds", "max_rounds")}
    digest = hashlib.sha256(json.dumps([machine, chosen], sort_keys=True).encode())
    for name, model in sorted(models.items()):
        digest.update(name.encode())
        digest.update(hashlib.sha256(model if isinstance(model, bytes) else model.read_bytes()).digest())
    return digest.hexdigest()[:16]


# ---- the rounds --------------------------------------------------------------------------------


def measure(
    models: Mapping[str, Model],
    options: Options,
    *,
    log: Path | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> dict[str, Timing]:
    """Times models in interleaved rounds until each is finished or noisy.

    Args:
        models: ONNX files, or their bytes, by name.
        options: How.
        log: Where bursts are kept; a measurement that was killed goes on from there.
        progress: Called with (work done, all work), in models finished.

    Returns:
        Timings by name.

    Raises:
        MeasureError: A model is not readable, the provider does not exist, or the log belongs to
            something else.
    """
    check_provider(options.provider)
    kept = Log(log, fingerprint_of(models, options))
    timings: dict[str, Timing] = {}
    with pinned(options.threads, options.pin):
        while True:
            open_names = []
            for name in models:
                if name not in timings and _finished(kept.bursts.get(name, []), options):
                    timings[name] = timing_of(kept.bursts[name], options.tolerance, options.seed)
                if name not in timings:
                    open_names.append(name)
            rounds = min((len(kept.bursts.get(name, [])) for name in open_names), default=0)
            # those with fewer rounds come first: a kill may have ended a round early
            due = [name for name in open_names if len(kept.bursts.get(name, [])) == rounds]
            order = np.random.default_rng([options.seed, rounds]).permutation(len(due))
            for number in range(len(due) + 1):
                if progress is not None:
                    share = min(1.0, (rounds + number / max(1, len(due))) / options.min_rounds)
                    progress(len(timings) + len(open_names) * share * 0.9, len(models))
                if number < len(due):
                    name = due[order[number]]
                    kept.add(name, time_burst(name, models[name], options))
            if not open_names:
                return {name: timings[name] for name in models}


def _finished(rounds: Sequence[Sequence[float]], options: Options) -> bool:
    if len(rounds) < options.min_rounds:
        return False
    return len(rounds) >= options.max_rounds or not timing_of(rounds, options.tolerance, options.seed).noisy


# ---- the script of a kit -----------------------------------------------------------------------


def write_timings(timings: Mapping[str, Timing], machine: Mapping[str, str], threads: int, path: Path) -> None:
    """Writes ``latencies.csv`` of a kit: machine as ``# key: value``, then one row a model.

    The file gets its name when it is whole.
    """
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in {**machine, "threads": threads}.items())
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, timing in timings.items():
            writer.writerow([name, *(repr(value) for value in list(asdict(timing).values())[:-1]), int(timing.noisy)])
    beside.replace(path)


def _show(done: float, total: float) -> None:
    sys.stderr.write(f"\r{done:.0f} of {total:.0f} models ({100 * done / total:.0f} %)   ")
    sys.stderr.flush()


def main() -> int:
    """Measures the kit that this file lies in."""
    parser = argparse.ArgumentParser(description="Measures the models of this kit on this machine; writes latencies.csv.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--provider", default=CPU)
    parser.add_argument("--tolerance", type=float, default=Options.tolerance, help="wanted half interval, as a share")
    parser.add_argument("--max-rounds", type=int, default=Options.max_rounds)
    parser.add_argument("--no-pin", action="store_true", help="do not pin the process to cores")
    given = parser.parse_args()
    folder = Path(__file__).resolve().parent
    models: dict[str, Model] = {path.name: path for path in sorted((folder / "models").glob("*.onnx"))}
    if not models:
        print(f"error: there are no models in {folder / 'models'}", file=sys.stderr)
        return 2
    try:
        options = Options(
            threads=given.threads,
            provider=given.provider,
            tolerance=given.tolerance,
            min_rounds=min(Options.min_rounds, given.max_rounds),
            max_rounds=given.max_rounds,
            pin=not given.no_pin,
        )
        timings = measure(models, options, log=folder / "latencies.log", progress=_show)
    except MeasureError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here.", file=sys.stderr)
        return 130
    write_timings(timings, describe_machine(given.provider), given.threads, folder / "latencies.csv")
    noisy = sum(timing.noisy for timing in timings.values())
    print(f"\nwrote {folder / 'latencies.csv'}: {len(timings)} models, {noisy} of them noisy", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
