"""What is particular to each of the four spaces: text forms, published counts."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.errors import InvalidValue, UnknownName
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.tables.table_folder import find_table

CELL = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


@pytest.mark.parametrize(("space", "count"), [(TopologySpace(), 6466), (NASBenchMacroSpace(), 3969)])
def test_published_numbers_of_distinct_networks(space, count):
    forms = space.canonical(space.enumerate())
    assert len(np.unique(forms, axis=0)) == count
    # the form of a class is one of its own members
    np.testing.assert_array_equal(forms[space.index_of(forms)], forms)


@pytest.mark.parametrize("space", [SizeSpace()])
def test_spaces_without_identities_of_their_own(space):
    np.testing.assert_array_equal(space.canonical(space.enumerate()), space.enumerate())


def test_macro_text_and_identities():
    space = NASBenchMacroSpace()
    np.testing.assert_array_equal(space.from_str(["22212220"]), [[2, 2, 2, 1, 2, 2, 2, 0]])
    # an identity moves after the other layers of its stage, but never past the strided first one
    assert space.to_str(space.canonical(space.from_str(["20010010", "02100201"]))) == ["20010010", "02100210"]
    assert space.to_str(space.canonical(space.from_str(["00001001"]))) == ["00010010"]


def test_topology_text():
    space = TopologySpace()
    np.testing.assert_array_equal(space.from_str(CELL), [[4, 2, 1, 2, 1, 1]])
    assert space.to_str(space.from_str(CELL)) == [CELL]
    assert space.to_str(space.default[None]) == [
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    ]
    with pytest.raises(UnknownName, match="Did you mean 'avg_pool_3x3'"):
        space.from_str(CELL.replace("avg_pool", "avgpool"))
    with pytest.raises(InvalidValue, match="is not a cell"):
        space.from_str(CELL.replace("~2", "~1"))
    with pytest.raises(InvalidValue, match="is not a cell"):
        space.from_str("")


def test_topology_identities_by_hand():
    space = TopologySpace()
    # a skip into node 1 makes "node 1" and "input" the same, a dead edge takes what hangs on it
    # along
    one = "|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
    other = "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"
    forms = space.canonical(space.from_str([one, other]))
    np.testing.assert_array_equal(forms[0], forms[1])


def test_size_text():
    space = SizeSpace()
    np.testing.assert_array_equal(space.from_str("8:16:24:32:64"), [[0, 1, 2, 3, 7]])
    assert space.to_str(space.default[None]) == ["64:64:64:64:64"]


def test_digits_skips_of_equal_layers_commute():
    space = DigitsSpace()
    archs = space.enumerate()
    forms = space.canonical(archs)
    assert len(np.unique(forms, axis=0)) == 2625
    assert (space.canonical(forms) == forms).all()
    assert space.to_str(space.canonical(space.from_str("k3e3,skip,k5e6,skip,k3e6"))) == ["k3e3,k5e6,skip,skip,k3e6"]
    table = find_table("digits")
    # the 500 pairs were trained one by one; equal results show that a training does not depend on
    # what is trained beside it
    for values in table.accuracy.values():
        assert (values == values[space.index_of(forms)]).all()


def test_digits_text():
    space = DigitsSpace()
    arch = space.from_str("k3e6,skip,k5e3,k3e3,k5e6")
    np.testing.assert_array_equal(arch, [[1, 0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1]])
    assert space.to_str(space.default[None]) == ["k5e6,k5e6,k5e6,k5e6,k5e6"]
