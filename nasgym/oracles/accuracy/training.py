"""`TrainingOracle`: trains the network that an architecture stands for, on given images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.plan import NetworkPlan
from nasgym.networks.plan_values import plan_hash
from nasgym.networks.scale import DIGITS, IMAGENET, Scale
from nasgym.networks.space_plans import has_own_images, plan_of
from nasgym.oracles.oracle import AccuracyOracle, Clock, Measurements, SeedChoice, Split
from nasgym.spaces.space import SearchSpace
from nasgym.training.images import DIGITS_NAME, ImageSet
from nasgym.training.images_spec import ImagesSpec, images_name, images_of_spec
from nasgym.training.schedule import Schedule
from nasgym.training.trainer import Trainer
from nasgym.type_aliases import Archs, Ints

__all__ = ["PlanBuilder", "TrainingOracle", "training_oracle", "training_oracle_for"]

PlanBuilder: TypeAlias = Callable[[Archs], NetworkPlan]


class TrainingOracle(AccuracyOracle):
    """Accuracy by training from scratch.

    Networks that differ in kernels only are trained side by side. Training seed s fixes initial
    weights and the order of the images, whatever else is trained at the same time (up to rounding).
    `train_seconds` is processor time, shared equally among the networks of a pack.

    Args:
        space: Space of the architectures.
        plan_of: ``(D,)`` architecture to plan (`nasgym.networks`).
        images: Training, validation and test images.
        schedule: Everything about training except its length.
        fidelities: Epochs of the short and of the full training.
        seeds: Training seeds that `draw_seeds` and `report` use.
        pack: Largest number of networks that are trained side by side.
    """

    canonical = True
    deterministic = False
    complete = False
    predicted = False
    search_metric: Split = "validation"
    clock: Clock = "measured"
    seed: SeedChoice = "sampled"

    def __init__(
        self,
        space: SearchSpace,
        plan_of: PlanBuilder,
        images: ImageSet,
        *,
        schedule: Schedule | None = None,
        fidelities: tuple[int, ...] = (3, 14),
        seeds: tuple[int, ...] = (0, 1, 2),
        pack: int = 12,
    ) -> None:
        if not fidelities or min(fidelities) < 1 or list(fidelities) != sorted(set(fidelities)):
            raise InvalidValue(f"fidelities are epochs in ascending order, at least 1; got {fidelities}.")
        self.space, self.plan_of, self.images = space, plan_of, images
        self.schedule = schedule or Schedule()
        self.trainer = Trainer(images, self.schedule)
        self.fidelities, self.search_fidelity = fidelities, fidelities[0]
        self.seeds, self.pack = seeds, pack
        described = {"schedule": self.schedule.describe(), "images": images.fingerprint, "space": space.fingerprint}
        described["plan"] = plan_hash(plan_of(space.default))
        self.fingerprint = "training:" + hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def provenance(self) -> str:
        """What is trained, on what, for how long."""
        shape = " x ".join(map(str, self.plan_of(self.space.default).input_shape[1:]))
        short, full = self.search_fidelity, self.fidelities[-1]
        return (
            f"trained on this machine while searching, on {self.images.name} of {shape} pixels, {short} epoch{'s' * (short > 1)} of "
            f"{self.schedule.images_per_epoch} images; answers {full} epoch{'s' * (full > 1)} with {len(self.seeds)} training "
            f"seed{'s' * (len(self.seeds) > 1)}"
        )

    def sources(self) -> list[tuple[str, Any]]:
        """What is trained; see `AccuracyOracle.sources`."""
        return [("accuracies", self.provenance)]

    def notes(self, archs: Archs) -> list[str]:
        """That accuracies were trained here, on what and for how long."""
        return [f"Accuracies: {self.provenance}."]

    def draw_seeds(self, archs: Archs, fidelity: int, rng: np.random.Generator) -> Ints:
        """``(N,)`` training seeds, uniform over `seeds`."""
        return np.array(self.seeds, dtype=np.int64)[rng.integers(0, len(self.seeds), size=len(archs))]

    def measure(self, archs: Archs, fidelity: int, seeds: Ints) -> Measurements:
        """Trains every row for `fidelity` epochs; see `AccuracyOracle.measure`.

        Raises:
            UnknownName: `fidelity` is none of `fidelities`.
        """
        from nasgym.training.packed_modules import pack_key

        if fidelity not in self.fidelities:
            raise unknown_name("fidelity (epochs) of the training oracle", fidelity, self.fidelities)
        plans = [self.plan_of(arch) for arch in archs]
        groups: dict[NetworkPlan, list[int]] = {}
        for row, plan in enumerate(plans):
            groups.setdefault(pack_key(plan), []).append(row)
        out = np.full((3, len(archs)), np.nan)
        for group in groups.values():
            for start in range(0, len(group), self.pack):
                rows = group[start : start + self.pack]
                out[:, rows] = self.trainer.train([plans[row] for row in rows], fidelity, [int(seeds[row]) for row in rows])
        return Measurements(*out)

    def report(self, archs: Archs) -> Measurements:
        """Mean over `seeds` at the largest fidelity."""
        rows, seeds = np.repeat(archs, len(self.seeds), axis=0), np.tile(self.seeds, len(archs))
        found = self.measure(rows, self.fidelities[-1], seeds.astype(np.int64))
        shape = (len(archs), len(self.seeds))
        arrays = (found.validation, found.test, found.train_seconds)
        return Measurements(*(array.reshape(shape).mean(axis=1) for array in arrays))


# deep networks, few steps: the running statistics have to follow quickly
SCALED_SCHEDULE = Schedule(momentum=0.3)
# full trainings are for the answers of searches, three seeds each, and take seconds
SCALED_FIDELITIES = (1, 5)
# after one epoch networks of seventeen cells in a row have hardly begun to learn
FIDELITIES = {"nats-tss": (5, 20)}


def training_oracle(space: SearchSpace, images: ImagesSpec = None, **options: Any) -> TrainingOracle:
    """The training oracle of a space with plans, on scikit-learn's digits or on other images.

    Networks of a mobile space are built at a quarter of the width for the size of the images
    (`nasgym.networks.scale.DIGITS` for the digits). On digits they are trained for 1 epoch of 800
    images where nothing else is asked for, 5 for reports; those of NATS-Bench topology, which are
    deeper, for 5 and 20. An epoch of other images is all training images, up to the last whole
    batch.

    Args:
        space: The whole space.
        images: What to train on, None for the digits.
        options: Those of `TrainingOracle`.

    Raises:
        InvalidValue: The space has no plans, or its networks read other images.
        NasgymError: As `nasgym.training.images_spec.images_of_spec`.
    """
    plan_of(space, space.default, DIGITS)  # says why, where there are no networks to train
    known = images_of_spec(images)
    digits = images_name(images) == DIGITS_NAME
    scale = DIGITS if digits else _scale(known)
    plan = plan_of(space, space.default, scale)
    if plan.input_shape[0] != 1 or max(plan.input_shape) > max(known.shape):
        said = [" x ".join(map(str, shape)) for shape in (plan.input_shape, known.shape)]
        raise InvalidValue(
            f"networks of space {space.name!r} read images of {said[0]} pixels, and those to train on here, {known.name!r}, have "
            f"{said[1]}; give accuracy='table' with a table of its trained networks."
        )
    if plan.head.num_classes != known.num_classes:
        raise InvalidValue(
            f"networks of space {space.name!r} tell {plan.head.num_classes} classes apart, and images {known.name!r} have "
            f"{known.num_classes}; give other images."
        )
    own: dict[str, Any] = {}
    if not has_own_images(space):
        own = {"schedule": SCALED_SCHEDULE, "fidelities": FIDELITIES.get(space.name, SCALED_FIDELITIES)}
    if not digits:
        schedule: Schedule = own.get("schedule", Schedule())
        known.check_enough(schedule.batch, "a batch")
        own["schedule"] = replace(schedule, images_per_epoch=len(known.train) // schedule.batch * schedule.batch)
    return TrainingOracle(space, partial(plan_of, space, scale=scale), known, **{**own, **options})


def _scale(images: ImageSet) -> Scale:
    """`DIGITS` for images of another size: strides until 2 x 2 to 4 x 4 pixels are left."""
    if images.shape[0] != 1:
        raise InvalidValue(
            f"images {images.name!r} have {images.shape[0]} channels, and networks that are trained side by side read one; give "
            "images={'name': ..., 'channels': 1}."
        )
    side = images.shape[1]
    reduction = min(IMAGENET.reduction, 1 << max(side.bit_length() - 2, 0))
    return replace(DIGITS, input_shape=images.shape, num_classes=images.num_classes, reduction=reduction)


def training_oracle_for(
    space: SearchSpace, seed: SeedChoice, fidelity: int | None, images: ImagesSpec = None
) -> TrainingOracle:
    """The training oracle of a space from the keywords of `nasgym.make_problem`.

    Args:
        space: The whole space.
        seed: ``"mean"`` or ``"sampled"``: every training draws one of the oracle's seeds (a mean
            over them is what reports give); a number is the one seed of all trainings.
        fidelity: Epochs that a search sees, None for the oracle's own.
        images: What to train on, None for the digits.

    Raises:
        InvalidValue: `seed` is not a seed, or as `training_oracle`.
        UnknownName: There is no such fidelity.
    """
    if seed not in ("mean", "sampled") and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise InvalidValue(f"a training seed is a whole number from 0 on, got {seed!r}.")
    oracle = training_oracle(space, images, **({} if isinstance(seed, str) else {"seeds": (seed,)}))
    if fidelity is not None and fidelity not in oracle.fidelities:
        raise unknown_name("fidelity (epochs) of the training oracle", fidelity, oracle.fidelities)
    oracle.search_fidelity = fidelity or oracle.search_fidelity
    return oracle
