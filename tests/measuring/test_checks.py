import pytest

from nasgym.errors import DataError, InvalidValue, UnknownName
from nasgym.measuring.checks import check_batch, measure_errors
from nasgym.measuring.measure import MeasureError, Options


def test_batches_and_precisions_that_exist():
    check_batch(1, "float32")
    check_batch(64, "int8")


@pytest.mark.parametrize("batch", [0, -1, 1.0, True, "1"])
def test_batches_that_do_not(batch):
    with pytest.raises(InvalidValue, match=f"batch is a count of images from 1 on, got {batch!r}"):
        check_batch(batch, "float32")


def test_a_precision_is_spelt_right():
    with pytest.raises(UnknownName, match=r"unknown precision 'float23'\. Did you mean 'float32'"):
        check_batch(1, "float23")


def test_errors_of_a_measurement_are_errors_of_this_package():
    with pytest.raises(DataError, match=r"^one sentence\.$"), measure_errors():
        raise MeasureError("one sentence.")
    with pytest.raises(InvalidValue, match="threads"), measure_errors(InvalidValue):
        Options(threads=0)
    with pytest.raises(KeyError), measure_errors():
        raise KeyError("not of a measurement")
