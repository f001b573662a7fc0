"""What is the same for all who measure: sizes that exist, and errors of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from nasgym.errors import DataError, InvalidValue, NasgymError, unknown_name
from nasgym.measuring.measure import MeasureError
from nasgym.networks.memory import Precision

__all__ = ["check_batch", "measure_errors"]


def check_batch(batch: int, precision: str) -> None:
    """Checks how a network is to be measured.

    Args:
        batch: Images at once.
        precision: Of weights and activations.

    Raises:
        InvalidValue: `batch` is no count from 1 on.
        UnknownName: There is no such precision.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise InvalidValue(f"batch is a count of images from 1 on, got {batch!r}.")
    if precision not in get_args(Precision):
        raise unknown_name("precision", precision, get_args(Precision))


@contextmanager
def measure_errors(kind: type[NasgymError] = DataError) -> Iterator[None]:
    """Turns `MeasureError`, which stands alone in every kit, into an error of this package.

    Args:
        kind: `DataError` where a model or onnxruntime is at fault, `InvalidValue` where an option
            is.
    """
    try:
        yield
    except MeasureError as error:
        raise kind(str(error)) from None
