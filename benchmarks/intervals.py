"""Numbers with their 95 % intervals, as pages print them; `coverage.md` has what each covers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasgym.compare.intervals import ENOUGH_RUNS, FEW_RUNS, bootstrap_interval
from nasgym.compare.paired import Paired, paired
from nasgym.compare.statistics import iqm
from nasgym.type_aliases import Floats

# of the mean; for pages beside a source that prints means
STUDENT_WORDS = (
    "Student's 95 % interval of the mean (it covers 94 to 96 % where results lie symmetrically, 90 to 93 % where they are skewed and 84 to 93 % where "
    "half of them are at the optimum, from ten runs to fifty)"
)


def words(runs: int) -> str:
    """What `middle` and `lead` print of so many runs, with what it covers."""
    covers = "93 to 95" if runs >= ENOUGH_RUNS else FEW_RUNS.get(runs, "none")
    few = "" if runs >= ENOUGH_RUNS else ": too few for more"
    return f"interquartile mean with its 95 % bootstrap interval, whose simulated coverage with {runs} runs is {covers} %{few}"


def middle(values: npt.ArrayLike, digits: int = 3, *, sign: bool = False) -> str:
    """Interquartile mean and its interval, ``"0.812 [0.810, 0.815]"``; of one run its number."""
    scores = np.asarray(values, dtype=np.float64)
    ends = bootstrap_interval(scores, np.random.default_rng(0)) if len(scores) > 1 else None
    return spelled(iqm(scores), ends, digits, sign=sign)


def mean(values: npt.ArrayLike, digits: int = 3, *, sign: bool = False) -> str:
    """Mean and Student's interval of it; of one run its number."""
    scores = np.asarray(values, dtype=np.float64)
    return spelled(float(scores.mean()), student(scores) if len(scores) > 1 else None, digits, sign=sign)


def lead(first: npt.ArrayLike, second: npt.ArrayLike) -> Paired:
    """How much more the first has than the second, seed by seed; large is good.

    One number, of an agent that draws nothing, is compared with every seed of the other.
    """
    one, other = np.broadcast_arrays(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    return paired("first", "second", {"first": one, "second": other})


def lead_text(first: npt.ArrayLike, second: npt.ArrayLike, digits: int = 3) -> str:
    """`lead` with its interval, ``"+0.12 [+0.05, +0.19]"``."""
    found = lead(first, second)
    return spelled(found.difference, (found.low, found.high), digits, sign=True)


def spelled(value: float, ends: tuple[float, float] | None, digits: int, *, sign: bool = False) -> str:
    """A number and, where there is one, its interval."""
    sign_form = "+" if sign else ""

    def text(number: float) -> str:
        return f"{round(number, digits) + 0.0:{sign_form}.{digits}f}"  # no minus before a zero

    return text(value) + (f" [{text(ends[0])}, {text(ends[1])}]" if ends is not None else "")


def student(scores: Floats) -> tuple[float, float]:
    """Student's interval of the mean, 95 %."""
    from scipy.stats import t

    half = float(t.ppf(0.975, len(scores) - 1) * scores.std(ddof=1) / np.sqrt(len(scores)))
    return float(scores.mean() - half), float(scores.mean() + half)
