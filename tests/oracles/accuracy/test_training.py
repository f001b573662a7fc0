"""Training: one seed gives one network, alone or in company; short trainings on a few images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from nasgym.errors import InvalidValue, UnknownName
from nasgym.ledger.former_oracles import former_oracles
from nasgym.networks.digits import digits_plan
from nasgym.networks.scale import DIGITS
from nasgym.oracles.accuracy.training import Schedule, TrainingOracle, _scale, training_oracle
from nasgym.oracles.oracle import AccuracyOracle
from nasgym.registry import SPACES
from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.tables.table_folder import find_table
from nasgym.training.image_data import images_path, write_image_data
from nasgym.training.image_split import split_images
from nasgym.training.images import ImageSet
from tests.training.quadrants import quadrants

pytest.importorskip("torch")
pytest.importorskip("sklearn")

# mixed kernels in one pack, and a network of another skeleton
TEXTS = ["k3e3,k5e3,skip,skip,k3e3", "k5e3,k3e3,skip,skip,k3e3", "skip,skip,k3e3,skip,skip"]


@pytest.fixture(scope="module")
def images() -> ImageSet:
    from nasgym.training.images import load_digits_images

    whole = load_digits_images()
    return replace(
        whole,
        name="few digits",
        train=whole.train[:400],
        train_labels=whole.train_labels[:400],
        validation=whole.validation[:200],
        validation_labels=whole.validation_labels[:200],
        test=whole.test[:200],
        test_labels=whole.test_labels[:200],
    )


@pytest.fixture(scope="module")
def oracle(images) -> TrainingOracle:
    space = DigitsSpace()
    schedule = Schedule(batch=50, images_per_epoch=400)
    return TrainingOracle(space, partial(digits_plan, space), images, schedule=schedule, fidelities=(1, 8), seeds=(0, 1))


def test_alone_and_packed(oracle):
    archs = oracle.space.from_str([*TEXTS, TEXTS[0]])
    seeds = np.array([0, 0, 0, 1])
    packed = oracle.measure(archs, 1, seeds)
    alone = [oracle.measure(archs[i : i + 1], 1, seeds[i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(packed.validation, np.concatenate([found.validation for found in alone]), atol=0.02)
    np.testing.assert_allclose(packed.test, np.concatenate([found.test for found in alone]), atol=0.02)
    assert (packed.train_seconds > 0).all()


def test_the_same_seed_gives_the_same_network_and_another_does_not(oracle):
    arch = oracle.space.from_str(TEXTS[0])
    one, again, other = (oracle.measure(arch, 1, np.array([seed])) for seed in (3, 3, 4))
    assert (one.validation, one.test) == (again.validation, again.test)
    assert (one.validation, one.test) != (other.validation, other.test)


def test_training_learns(oracle):
    arch = oracle.space.from_str("k3e6,k3e6,skip,k3e6,k3e6")
    found = oracle.measure(arch, 8, np.array([0]))
    assert found.validation[0] > 0.3  # chance is 0.1
    assert found.test[0] > 0.3


def test_report_is_the_mean_over_its_seeds_at_the_largest_fidelity(oracle):
    archs = oracle.space.from_str(TEXTS[:1])
    report = oracle.report(archs)
    found = oracle.measure(np.repeat(archs, 2, axis=0), 8, np.array([0, 1]))
    np.testing.assert_allclose(report.test, found.test.mean(keepdims=True), atol=0.02)


def test_seeds_are_drawn_from_the_generator(oracle):
    archs = np.repeat(oracle.space.from_str(TEXTS[:1]), 40, axis=0)
    one, again = (oracle.draw_seeds(archs, 1, np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert set(one.tolist()) == {0, 1}


def test_fingerprint_knows_images_and_schedule(oracle, images):
    space = oracle.space
    assert isinstance(oracle, AccuracyOracle)
    for other in (
        TrainingOracle(space, oracle.plan_of, images, schedule=replace(oracle.schedule, batch=40)),
        TrainingOracle(space, oracle.plan_of, replace(images, train=images.train + 1), schedule=oracle.schedule),
        TrainingOracle(space, lambda arch: replace(oracle.plan_of(arch), stem=()), images, schedule=oracle.schedule),
    ):
        assert other.fingerprint != oracle.fingerprint


def test_learning_rate_rises_and_falls():
    schedule = Schedule(learning_rate=1.0, final_fraction=0.1, warmup=0.2)
    rates = [schedule.rate(step, 10) for step in range(10)]
    assert rates[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert schedule.rate(10, 10) == pytest.approx(0.1)
    assert schedule.rate(0, 1) == pytest.approx(1.0)


def test_errors_teach(oracle, images):
    with pytest.raises(UnknownName, match="Known: 1, 8"):
        oracle.measure(oracle.space.default[None], 2, np.array([0]))
    with pytest.raises(InvalidValue, match="ascending"):
        TrainingOracle(oracle.space, oracle.plan_of, images, fidelities=(4, 1))
    with pytest.raises(InvalidValue, match="not described block by block; spaces with networks are digits"):
        training_oracle(SPACES.load("nas-rl")())
    with pytest.raises(InvalidValue, match=r"read images of 3 x 32 x 32 pixels, .* have 1 x 8 x 8; give accuracy="):
        training_oracle(NASBenchMacroSpace())


@pytest.fixture
def imported(own_data_folder):
    """Images of four classes, grey ones and colours."""
    for name, channels in (("quadrants", 1), ("colours", 3)):
        write_image_data(quadrants(name, channels=channels), images_path(name))


def test_imported_images_are_learned(imported):
    space = SPACES.load("nats-sss")()
    oracle = training_oracle(space, {"name": "quadrants", "validation": 40})
    plan = oracle.plan_of(space.default)
    assert (plan.input_shape, plan.head.num_classes) == ((1, 12, 12), 4)
    assert oracle.schedule.images_per_epoch == 150  # of 160, whole batches of 50
    assert "on quadrants of 12 x 12 pixels, 1 epoch of 150 images" in oracle.provenance
    found = oracle.measure(space.default[None], 5, np.array([0]))
    assert found.validation[0] > 0.6  # chance is 0.25
    assert found.test[0] > 0.6


def test_colours_are_learned_in_grey(imported):
    space = SPACES.load("nats-sss")()
    oracle = training_oracle(space, {"name": "colours", "channels": 1, "resolution": 8})
    assert oracle.plan_of(space.default).input_shape == (1, 8, 8)
    assert oracle.fingerprint != training_oracle(space, {"name": "colours", "channels": 1}).fingerprint
    assert oracle.fingerprint != training_oracle(space).fingerprint


def test_images_that_networks_cannot_be_trained_on(imported):
    with pytest.raises(InvalidValue, match=r"images 'colours' have 3 channels, .* give images="):
        training_oracle(SPACES.load("proxylessnas")(), "colours")
    with pytest.raises(InvalidValue, match="networks of space 'digits' tell 10 classes apart, and images 'quadrants' have 4"):
        training_oracle(DigitsSpace(), "quadrants")
    with pytest.raises(InvalidValue, match=r"read images of 3 x 32 x 32 pixels, .* 'quadrants', have 1 x 12 x 12"):
        training_oracle(NASBenchMacroSpace(), "quadrants")
    with pytest.raises(InvalidValue, match="a batch draws 50 images, and image set 'quadrants' has 40"):
        training_oracle(SPACES.load("proxylessnas")(), {"name": "quadrants", "subset": 40})


@pytest.mark.parametrize(
    ("side", "reduction", "left"), [(8, 4, 2), (12, 4, 3), (16, 8, 2), (28, 8, 4), (32, 16, 2), (224, 32, 7)]
)
def test_networks_shrink_images_to_a_few_pixels(side, reduction, left):
    images = split_images(quadrants(side=side, train=80, test=8))
    scale = _scale(images)
    assert (scale.reduction, -(-side // scale.reduction)) == (reduction, left)
    assert side != 8 or replace(DIGITS, num_classes=4) == scale


def test_the_shipped_table_can_be_trained_again():
    """The short training of three networks of the shipped table, up to rounding."""
    oracle, table = training_oracle(DigitsSpace()), find_table("digits")
    rows, seeds = np.array([5, 700, 2500]), np.array([0, 1, 2])
    found = oracle.measure(oracle.space.enumerate()[rows], 3, seeds)
    np.testing.assert_allclose(found.validation, table.accuracy["digits", 3, "validation"][rows, seeds], atol=0.03)
    np.testing.assert_allclose(found.test, table.accuracy["digits", 3, "test"][rows, seeds], atol=0.03)
    # the table was made when the oracle had its former fingerprint
    assert former_oracles()[table.card["oracle"]] == oracle.fingerprint


def test_running_statistics_follow_as_quickly_as_the_schedule_says(oracle, images):
    """The field came later: a schedule with its default has the fingerprint of before.

    Other values have fingerprints of their own.
    """
    quick = TrainingOracle(
        oracle.space,
        oracle.plan_of,
        images,
        schedule=replace(oracle.schedule, momentum=0.5),
        fidelities=oracle.fidelities,
        seeds=oracle.seeds,
    )
    assert "momentum" not in oracle.schedule.describe()
    assert quick.schedule.describe()["momentum"] == 0.5
    assert quick.fingerprint != oracle.fingerprint
    arch, seed = oracle.space.from_str(TEXTS[:1]), np.array([0])
    # same weights, other statistics
    assert quick.measure(arch, 1, seed).validation[0] != oracle.measure(arch, 1, seed).validation[0]
