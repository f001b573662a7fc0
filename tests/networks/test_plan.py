"""The plans of the two spaces that have networks, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.networks.digits import digits_plan
from nasgym.networks.nas_bench_macro import nas_bench_macro_plan
from nasgym.networks.plan import Conv, Head, Identity, MBConv, out_size
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace


def test_digits_plan_by_hand():
    space = DigitsSpace()
    plan = digits_plan(space, space.from_str("skip,k5e3,skip,k3e6,skip")[0])
    assert plan.name == "skip,k5e3,skip,k3e6,skip"
    assert plan.input_shape == (1, 8, 8)
    assert plan.layers == (
        (Conv(4, 8, 1, 2, activation="none"),),
        (MBConv(8, 24, 8, 5, 1, "relu", residual=True),),
        (Identity(8),),
        (MBConv(8, 48, 12, 3, 1, "relu", residual=False),),
        (Conv(12, 12, 1, 2, activation="none"),),
    )
    assert plan.head == Head(12, 10, "relu")


def test_macro_plan_by_hand():
    space = NASBenchMacroSpace()
    plan = nas_bench_macro_plan(space, space.from_str("01200120")[0])
    assert plan.layers == (
        (Conv(32, 64, 1, 2, activation="none"),),
        (MBConv(64, 192, 64, 3, 1, "relu6", residual=True),),
        (MBConv(64, 384, 128, 5, 2, "relu6", residual=False),),
        (Identity(128),),
        (Identity(128),),
        (MBConv(128, 384, 256, 3, 2, "relu6", residual=False),),
        (MBConv(256, 1536, 256, 5, 1, "relu6", residual=True),),
        (Identity(256),),
    )
    assert plan.neck == (Conv(256, 1280, 1, activation="relu6"),)


@pytest.mark.parametrize(("space", "plan_of"), [(DigitsSpace(), digits_plan), (NASBenchMacroSpace(), nas_bench_macro_plan)])
def test_channels_fit_together(space, plan_of):
    for arch in space.sample(np.random.default_rng(0), 30):
        plan, channels = plan_of(space, arch), None
        for block in plan.blocks:
            goes_in = block.channels if isinstance(block, Identity) else block.in_channels
            assert channels in (None, goes_in)
            if isinstance(block, MBConv) and block.residual:
                assert (block.stride, block.in_channels) == (1, block.out_channels)
            channels = goes_in if isinstance(block, Identity) else block.out_channels
        assert channels == plan.head.in_channels


def test_out_size_rounds_up():
    assert [out_size(size, Conv(1, 1, 3, 2)) for size in (8, 7, 1)] == [4, 4, 1]
    assert out_size(7, Identity(3)) == 7


def test_fields_that_came_later_show_only_where_they_are_used():
    """Fingerprints of trainings hash what plans show; the shipped table's must not change."""
    before = "MBConv(in_channels=4, mid_channels=24, out_channels=8, kernel=5, stride=2, activation='relu', se_channels=0, residual=False)"
    assert repr(MBConv(4, 24, 8, 5, 2)) == before
    assert repr(MBConv(4, 24, 8, 5, 2, se_gate="sigmoid")) == f"{before[:-1]}, se_gate='sigmoid')"
    assert repr(Conv(1, 4, 1)) == "Conv(in_channels=1, out_channels=4, kernel=1, stride=1, groups=1, activation='relu')"
    assert repr(Conv(1, 4, 1)) != repr(Conv(1, 4, 1, residual=True))
    assert repr(Head(12, 10)) == "Head(in_channels=12, num_classes=10, activation='none')"
    assert "hidden_bias=False" in repr(Head(12, 10, hidden=8, hidden_bias=False))


def test_the_shipped_table_was_trained_with_these_plans():
    pytest.importorskip("sklearn")
    from nasgym.ledger.former_oracles import former_oracles
    from nasgym.oracles.accuracy.training import training_oracle
    from nasgym.tables.table_folder import find_table

    # the table was made when plans were known by their texts
    trained = str(find_table("digits").card["oracle"])
    assert former_oracles().get(trained, trained) == training_oracle(DigitsSpace()).fingerprint
