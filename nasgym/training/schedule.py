"""`Schedule`: how networks are trained, except for how long."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

__all__ = ["Schedule"]

# fields of `Schedule` that did not exist when the first fingerprints were made
LATER = frozenset({"momentum"})


@dataclass(frozen=True)
class Schedule:
    """How a network is trained; the number of epochs is the fidelity.

    AdamW; the learning rate rises linearly over the first fifth of the steps and then falls as a
    cosine. The defaults were found on the Digits networks (`docs/digits-table.md`).

    Attributes:
        batch: Images per step.
        images_per_epoch: Images that an epoch draws, without replacement, from the training set.
        learning_rate: Peak; `final_fraction` of it is left at the end.
        warmup: Share of the steps with a rising learning rate.
        beta1, beta2: AdamW's moment decay.
        weight_decay: On every parameter.
        momentum: Share of a batch in the running statistics of normalisations. After few steps
            those that are read when the network is tested are still near their start, unless it is
            larger than torch's own value, the default.
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
        """The values by name, of which fingerprints are made.

        Values that came later and have their default are left out: older fingerprints stay valid.
        """
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
