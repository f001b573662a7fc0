"""`TrainingOracle`: trains the network that an architecture stands for, on images that are at hand."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nasgym.errors import InvalidValue, unknown_name
from nasgym.networks.plan import NetworkPlan
from nasgym.oracles.oracle import AccuracyOracle, Measurements, SeedChoice, Split
from nasgym.spaces.space import SearchSpace
from nasgym.training.images import ImageSet
from nasgym.type_aliases import Archs, Floats, Ints

if TYPE_CHECKING:
    import torch

    from nasgym.training.packed_modules import PackedNetwork

__all__ = ["PlanBuilder", "Schedule", "TrainingOracle", "training_oracle", "training_oracle_for"]

PlanBuilder: TypeAlias = Callable[[Archs], NetworkPlan]
# fields of `Schedule` that did not exist when the first fingerprints were made
LATER = frozenset({"momentum"})


@dataclass(frozen=True)
class Schedule:
    """How a network is trained; the number of epochs is the fidelity.

    AdamW; the learning rate rises linearly over the first fifth of the steps and then falls as a cosine. The defaults were
    found on the Digits networks (`docs/digits-table.md`).

    Attributes:
        batch: Images a step.
        images_per_epoch: Images that an epoch draws, without replacement, from the training set.
        learning_rate: Peak; `final_fraction` of it is left at the end.
        warmup: Share of the steps with a rising learning rate.
        beta1, beta2: AdamW's moment decay.
        weight_decay: On every parameter.
        momentum: Share of a batch in the running statistics of normalisations. After few steps those that are read when
            the network is tested are still near their start, unless it is larger than torch's own value, the default.
    """

    batch: int = 50
    images_per_epoch: int = 800
    learning_rate: float = 0.01
    final_fraction: float = 0.02
    warmup: float = 0.2
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 1e-4
    momentum: float = 0.1

    def describe(self) -> dict[str, float]:
        """The values by name, less those that came later and have their default: fingerprints of before stay valid."""
        later = {f.name: f.default for f in fields(self) if f.name in LATER}
        return {name: value for name, value in asdict(self).items() if later.get(name) != value}

    def rate(self, step: int, steps: int) -> float:
        """Learning rate at a step of `steps`."""
        rising = max(1, round(self.warmup * steps))
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        progress = (step - rising) / max(1, steps - rising)
        share = self.final_fraction + (1 - self.final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))
        return self.learning_rate * share


class TrainingOracle(AccuracyOracle):
    """Accuracy by training from scratch; networks that differ in kernels only are trained side by side.

    Training seed s fixes initial weights and the order of the images, whatever else is trained at the same time (up to
    rounding). `train_seconds` is processor time, shared equally among the networks of a pack.

    Args:
        space: Space of the architectures.
        plan_of: ``(D,)`` architecture to plan (`nasgym.networks`).
        images: Training, validation and test images.
        schedule: Everything about training except its length.
        fidelities: Epochs of the short and of the full training.
        seeds: Training seeds that `draw_seeds` and `report` use.
        pack: At most so many networks are trained side by side.
    """

    canonical = True
    deterministic = False
    complete = False
    predicted = False
    search_metric: Split = "validation"
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
        self.fidelities, self.search_fidelity = fidelities, fidelities[0]
        self.seeds, self.pack = seeds, pack
        described = {"schedule": self.schedule.describe(), "images": images.fingerprint, "space": space.fingerprint}
        described["plan"] = repr(plan_of(space.default))
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
                out[:, rows] = self._train([plans[row] for row in rows], fidelity, [int(seeds[row]) for row in rows])
        return Measurements(*out)

    def report(self, archs: Archs) -> Measurements:
        """Mean over `seeds` at the largest fidelity."""
        rows, seeds = np.repeat(archs, len(self.seeds), axis=0), np.tile(self.seeds, len(archs))
        found = self.measure(rows, self.fidelities[-1], seeds.astype(np.int64))
        shape = (len(archs), len(self.seeds))
        arrays = (found.validation, found.test, found.train_seconds)
        return Measurements(*(array.reshape(shape).mean(axis=1) for array in arrays))

    def _train(self, plans: Sequence[NetworkPlan], epochs: int, seeds: Sequence[int]) -> Floats:
        """``(3, K)`` validation accuracy, test accuracy, processor seconds."""
        import torch

        from nasgym.networks.torch_modules import build_module, initialise
        from nasgym.training.packed_modules import PackedNetwork

        torch.set_num_threads(1)
        start = time.process_time()
        network = PackedNetwork(plans)
        network.set_momentum(self.schedule.momentum)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        for index, (plan, generator) in enumerate(zip(plans, generators, strict=True)):
            module = build_module(plan)
            initialise(module, generator)
            network.load(index, module)
        torch.set_flush_denormal(True)  # tiny moments and weights would be computed slowly
        try:
            self._fit(network, epochs, generators)
        finally:
            torch.set_flush_denormal(False)  # the processor's mode belongs to the whole process
        network.eval()
        validation = self._accuracy(network, self.images.validation, self.images.validation_labels)
        test = self._accuracy(network, self.images.test, self.images.test_labels)
        seconds = np.full(len(plans), (time.process_time() - start) / len(plans))
        return np.stack([validation, test, seconds])

    def _fit(self, network: PackedNetwork, epochs: int, generators: Sequence[torch.Generator]) -> None:
        import torch

        schedule, images = self.schedule, torch.from_numpy(self.images.train).flatten(1)
        labels = torch.from_numpy(self.images.train_labels)
        optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=schedule.learning_rate,
            betas=(schedule.beta1, schedule.beta2),
            weight_decay=schedule.weight_decay,
            fused=True,
        )
        per_epoch = schedule.images_per_epoch // schedule.batch
        steps = epochs * per_epoch
        for step in range(steps):
            if step % per_epoch == 0:
                orders = [torch.randperm(len(images), generator=g)[: schedule.images_per_epoch] for g in generators]
                order = torch.stack(orders)
            picked = order[:, (step % per_epoch) * schedule.batch :][:, : schedule.batch]
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(step, steps)
            optimiser.zero_grad()
            logits = network(images[picked])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[picked].flatten(), reduction="sum")
            (loss / schedule.batch).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()

    def _accuracy(self, network: PackedNetwork, images: np.ndarray, labels: np.ndarray) -> Floats:
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(images).flatten(1)
            logits = network(batch.expand(network.packed, *batch.shape))
            right = logits.argmax(dim=2) == torch.from_numpy(labels)
        return np.asarray(right.double().mean(dim=1).numpy())


# deep networks, few steps: the running statistics have to follow quickly
MOBILE_SCHEDULE = Schedule(momentum=0.3)
# full trainings are for the answers of searches, three seeds each, and take seconds
MOBILE_FIDELITIES = (1, 5)
MOBILE = ("proxylessnas", "mnasnet", "mobilenetv3", "moga", "fairnas", "tunas")


def training_oracle(space: str, **options: Any) -> TrainingOracle:
    """The training oracle of a space by name, on scikit-learn's digits; `options` are those of `TrainingOracle`.

    The mobile spaces are trained at `nasgym.networks.scale.DIGITS`: a quarter of the width, 8 x 8 pixels; 1 epoch of 800 images
    where nothing else is asked for, 5 for reports.

    Raises:
        UnknownName: The space has no networks that can be trained here.
    """
    from nasgym.training.images import load_digits_images

    if space == "digits":
        from nasgym.networks.digits import digits_plan
        from nasgym.spaces.digits import DigitsSpace

        digits = DigitsSpace()
        return TrainingOracle(digits, partial(digits_plan, digits), load_digits_images(), **options)
    if space not in MOBILE:
        raise unknown_name("space with a training oracle", space, ["digits", *MOBILE])
    from nasgym.networks.scale import DIGITS
    from nasgym.networks.space_plans import plan_of
    from nasgym.registry import SPACES

    mobile: SearchSpace = SPACES.load(space)()
    builder = partial(plan_of, mobile, scale=DIGITS)
    return TrainingOracle(
        mobile, builder, load_digits_images(), **{"schedule": MOBILE_SCHEDULE, "fidelities": MOBILE_FIDELITIES, **options}
    )


def training_oracle_for(space: str, seed: SeedChoice, fidelity: int | None) -> TrainingOracle:
    """The training oracle of a space from the keywords of `nasgym.make_problem`.

    Args:
        space: Name of the space.
        seed: ``"mean"`` or ``"sampled"``: every training draws one of the oracle's seeds (a mean over them is what reports give);
            a number is the one seed of all trainings.
        fidelity: Epochs that a search sees, None for the oracle's own.

    Raises:
        InvalidValue: `seed` is no seed.
        UnknownName: The space has no networks that can be trained here, or there is no such fidelity.
    """
    if seed not in ("mean", "sampled") and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise InvalidValue(f"a training seed is a whole number from 0 on, got {seed!r}.")
    oracle = training_oracle(space, **({} if isinstance(seed, str) else {"seeds": (seed,)}))
    if fidelity is not None and fidelity not in oracle.fidelities:
        raise unknown_name("fidelity (epochs) of the training oracle", fidelity, oracle.fidelities)
    oracle.search_fidelity = fidelity or oracle.search_fidelity
    return oracle
