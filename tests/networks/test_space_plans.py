"""Which architectures have a plan: one, complete and valid."""

from __future__ import annotations

import numpy as np
import pytest

from nasgym.errors import InvalidValue
from nasgym.networks.space_plans import plan_of, planned_spaces
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nats_bench import TopologySpace


@pytest.mark.parametrize("space", planned_spaces(), ids=lambda space: space.name)
def test_what_is_no_architecture_has_no_plan(space):
    plan_of(space, space.default)
    with pytest.raises(InvalidValue, match=r"has -1 at decision"):
        plan_of(space, space.empty()[0])
    half = space.default.copy()
    half[-1] = -1
    with pytest.raises(InvalidValue, match=r"has -1 at decision"):
        plan_of(space, half)
    with pytest.raises(InvalidValue, match=rf"one architecture, \({space.num_decisions},\), got the shape \(1, "):
        plan_of(space, space.default[None])
    with pytest.raises(InvalidValue, match=rf"have the shape \(N, {space.num_decisions}\)"):
        plan_of(space, space.default[:-1])
    far = space.default.copy()
    far[0] = 99
    with pytest.raises(InvalidValue, match="has 99 at decision"):
        plan_of(space, far)


def test_what_is_restricted_away_has_no_plan():
    space = TopologySpace().restrict({"*": ["nor_conv_1x1", "nor_conv_3x3"]})
    plan_of(space, space.default)
    with pytest.raises(InvalidValue, match="is restricted away"):
        plan_of(space, np.zeros(6, dtype=np.int8))


def test_a_plan_says_nothing_of_decisions_that_do_not_matter():
    """The kernel of a block that is skipped."""
    space = DigitsSpace()
    arch = space.from_str("skip,k5e3,skip,k3e6,skip")[0]
    arch[space.names.index("layer1.kernel")] = 1
    with pytest.raises(InvalidValue, match="an inactive decision is not 0"):
        plan_of(space, arch)
