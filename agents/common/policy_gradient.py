"""The gradient of REINFORCE's loss by the logits that choices were drawn with."""

from __future__ import annotations

import numpy as np

from nasgym.type_aliases import Bools, Floats

__all__ = ["loss_by_logits"]


def loss_by_logits(logits: Floats, chosen: Bools, advantages: Floats, entropy_weight: float) -> Floats:
    """Derivative, by the logits, of minus advantage times log-probability minus weighted entropy.

    That of minus log-probability is p - onehot(choice); that of minus entropy H is p (log p + H).

    Args:
        logits: ``(..., choices)``, minus infinity where a choice is illegal.
        chosen: The same shape: which choice was drawn.
        advantages: Broadcasts to the shape of the logits.
        entropy_weight: What a nat of entropy is worth, in advantages.

    Returns:
        The shape of the logits; 0 where only one choice is legal.
    """
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = odds / odds.sum(axis=-1, keepdims=True)
    slope = advantages * (p - chosen)
    if entropy_weight:
        log_p = np.log(np.where(p > 0, p, 1.0))
        entropy = -(p * log_p).sum(axis=-1, keepdims=True)
        slope += entropy_weight * p * (log_p + entropy)
    return np.asarray(slope)
