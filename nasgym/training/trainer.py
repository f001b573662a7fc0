"""`Trainer`: trains networks from scratch, those that differ in kernels only side by side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nasgym.networks.plan import NetworkPlan
from nasgym.training.images import Images, ImageSet
from nasgym.training.schedule import Schedule
from nasgym.type_aliases import Floats, Ints

if TYPE_CHECKING:
    import torch

    from nasgym.training.packed_modules import PackedNetwork

__all__ = ["Trainer"]

# images that all networks of a pack label at once
EVALUATED = 500


@dataclass(frozen=True)
class Trainer:
    """Images, and how networks are trained on them.

    Plans whose images are smaller see the same ones, resized with an antialiased bilinear filter.

    Attributes:
        images: Training, validation and test images.
        schedule: Everything about training except its length.

    Raises:
        InvalidValue: There are fewer training images than an epoch or a batch draws.
    """

    images: ImageSet
    schedule: Schedule

    def __post_init__(self) -> None:
        self.images.check_enough(self.schedule.batch, "a batch")
        self.images.check_enough(self.schedule.images_per_epoch, "an epoch")

    def train(self, plans: Sequence[NetworkPlan], epochs: int, seeds: Sequence[int]) -> Floats:
        """Trains K networks side by side, each from its own seed.

        Args:
            plans: K plans that can be packed together (`nasgym.training.packed_modules.pack_key`).
            epochs: Of each.
            seeds: ``K``; a seed fixes initial weights and the order of the images, whatever else is
                trained.

        Returns:
            ``(3, K)`` validation accuracy, test accuracy, processor seconds, which are shared
            equally.
        """
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
        size = plans[0].input_shape[1]
        torch.set_flush_denormal(True)  # tiny moments and weights would be computed slowly
        try:
            self._fit(network, size, epochs, generators)
        finally:
            torch.set_flush_denormal(False)  # the processor's mode belongs to the whole process
        network.eval()
        validation = _accuracy(network, _pixels(self.images.validation, size), self.images.validation_labels)
        test = _accuracy(network, _pixels(self.images.test, size), self.images.test_labels)
        seconds = np.full(len(plans), (time.process_time() - start) / len(plans))
        return np.stack([validation, test, seconds])

    def _fit(self, network: PackedNetwork, size: int, epochs: int, generators: Sequence[torch.Generator]) -> None:
        import torch

        schedule, images = self.schedule, _pixels(self.images.train, size)
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


def _pixels(images: Images, size: int) -> torch.Tensor:
    """``(M, C * size * size)`` pixels of ``(M, C, R, R)`` images, resized where sizes differ."""
    import torch

    pixels = torch.from_numpy(images)
    if size != pixels.shape[2]:
        pixels = torch.nn.functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    return pixels.flatten(1)


def _accuracy(network: PackedNetwork, pixels: torch.Tensor, labels: Ints) -> npt.NDArray[Any]:
    """``(K,)`` share of the images that each network labels correctly."""
    import torch

    with torch.inference_mode():
        # in blocks: what layers put out for ten thousand images at once does not fit in memory
        blocks = torch.split(pixels.expand(network.packed, *pixels.shape), EVALUATED, dim=1)
        right = torch.cat([network(block).argmax(dim=2) for block in blocks], dim=1) == torch.from_numpy(labels)
    return np.asarray(right.double().mean(dim=1).numpy())
