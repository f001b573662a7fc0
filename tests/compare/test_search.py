from __future__ import annotations

import numpy as np

from nasgym.compare.search import Search


def test_without_a_target_the_seed_is_the_one_that_was_asked_for():
    assert Search("random", 7).drawn_seed == 7


def test_seeds_differ_from_target_to_target_and_are_the_same_again():
    drawn = [Search("random", seed, target).drawn_seed for seed in (0, 1) for target in (1.0, 1.0 + 2**-52, 2e6)]
    assert len(set(drawn)) == 6
    assert drawn == [Search("ppo", seed, target).drawn_seed for seed in (0, 1) for target in (1.0, 1.0 + 2**-52, 2e6)]
    # the seed and the two halves of 1.0 in double precision
    assert drawn[0] == np.random.SeedSequence([0, 0, 0x3FF00000]).generate_state(1)[0]
