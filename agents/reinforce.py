"""REINFORCE: a policy gradient, with a recurrent controller or with independent logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias, get_args

import numpy as np

from nasgym.agents.agent import Agent
from nasgym.agents.common.adam import Adam
from nasgym.agents.common.feasible import Mask, masker
from nasgym.agents.common.lstm_policy import LSTMPolicy
from nasgym.agents.common.policy_gradient import loss_by_logits
from nasgym.agents.common.reward_scale import RewardScale, Scaling
from nasgym.agents.disclosure import Disclosure
from nasgym.envs.observation import MaskKind
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.ledger import Ledger
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["Hyperparameters", "PolicyKind", "Reinforce"]

PolicyKind: TypeAlias = Literal["lstm", "independent"]


@dataclass(frozen=True)
class Hyperparameters:
    """The hyper-parameters whose defaults depend on the policy.

    Attributes:
        batch: Architectures drawn between two updates.
        learning_rate: Of Adam (beta 0.9 and 0.999).
        entropy_weight: What a nat of the policy's entropy is worth, in advantages.
        scaling: How rewards become advantages (`RewardScale`).
    """

    batch: int
    learning_rate: float
    entropy_weight: float
    scaling: Scaling


DEFAULTS: dict[PolicyKind, Hyperparameters] = {
    # this library's choice, tuned for 300 evaluations; the published controllers saw thousands of
    # architectures and used 0.0006 (Zoph and Le, 1611.01578) and 0.00035 with entropy weight 1e-5
    # (NASNet, 1707.07012; remembered)
    "lstm": Hyperparameters(batch=10, learning_rate=5e-3, entropy_weight=0.2, scaling="rank"),
    # NATS-Bench (2009.00437), as its published code has it
    "independent": Hyperparameters(batch=1, learning_rate=0.01, entropy_weight=0.0, scaling="percent"),
}


@dataclass
class Reinforce(Agent):
    """REINFORCE (Williams, 1992) as a search.

    It draws architectures and makes the choices of the good ones more likely.

    The loss of a batch is the mean over its architectures of minus advantage times log-probability,
    minus `entropy_weight` times entropy. What is not allowed is masked; a decision with one allowed
    choice adds neither log-probability nor entropy.

    Attributes:
        policy: ``"lstm"``: one LSTM cell reads the previous choice and its position and gives the
            logits of the next decision, in the line of NAS with reinforcement learning (Zoph and
            Le, 1611.01578; two layers of 35 units there) and NASNet (1707.07012; one layer of 100
            units, remembered). ``"independent"``: one logit for each choice of each decision,
            NATS-Bench's REINFORCE (2009.00437).
        batch, learning_rate, entropy_weight, scaling: None is the policy's own default
            (`Hyperparameters`, `DEFAULTS`): ``lstm`` 10, 0.005, 0.2, ``"rank"`` (this library's
            choice); ``independent`` 1, 0.01, 0, ``"percent"`` (NATS-Bench).
        momentum: Of the running mean that ``"percent"`` and ``"standardised"`` compare with; 0.9,
            bias-corrected and updated before use, as in NATS-Bench.
        window: Rewards that ``"rank"`` compares with; 100 is this library's choice.
        hidden: Units of the LSTM; 64 is this library's choice.
        mask: ``"legal"``, or ``"feasible"``: the policy only makes decisions after which the
            constraint can still be met.
    """

    name: ClassVar[str] = "reinforce"
    policy: PolicyKind = "lstm"
    batch: int | None = None
    learning_rate: float | None = None
    entropy_weight: float | None = None
    scaling: Scaling | None = None
    momentum: float = 0.9
    window: int = 100
    hidden: int = 64
    mask: MaskKind = "legal"

    def __post_init__(self) -> None:
        if self.policy not in get_args(PolicyKind):
            raise unknown_name("policy", self.policy, get_args(PolicyKind))
        chosen = self._resolved()
        if chosen.batch < 1 or self.hidden < 1:
            raise InvalidValue(f"batch and hidden must be at least 1, got {chosen.batch!r} and {self.hidden!r}.")
        if not chosen.learning_rate > 0 or not chosen.entropy_weight >= 0:
            raise InvalidValue(
                "learning_rate must be positive and entropy_weight not negative, got "
                f"{chosen.learning_rate!r} and {chosen.entropy_weight!r}."
            )
        if self.mask not in get_args(MaskKind):
            raise unknown_name("mask", self.mask, get_args(MaskKind))
        RewardScale(chosen.scaling, momentum=self.momentum, window=self.window)  # checks its arguments

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        own = self.policy == "lstm"
        return Disclosure(
            tuning=(
                "batch, learning rate, entropy weight, scaling, window and units are this library's, tuned for 300 evaluations, repeats "
                "paid, on problems that were not recorded (Digits and NAS-Bench-Macro are likely); the published controllers (1611.01578, "
                "1707.07012) saw thousands of architectures"
                if own
                else "not tuned: NATS-Bench's REINFORCE (2009.00437), as its published code has it"
            ),
            settings="not recorded" if own else "none",
            choices=self.mask,
            over_limit="rejected" if self.mask == "feasible" else "evaluated",
            reads_costs=self.mask == "feasible",
            learns_from="rewards",
        )

    def _resolved(self) -> Hyperparameters:
        own = DEFAULTS[self.policy]
        return Hyperparameters(
            batch=own.batch if self.batch is None else self.batch,
            learning_rate=own.learning_rate if self.learning_rate is None else self.learning_rate,
            entropy_weight=own.entropy_weight if self.entropy_weight is None else self.entropy_weight,
            scaling=own.scaling if self.scaling is None else self.scaling,
        )

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        chosen = self._resolved()
        span = ledger.quality.span
        scale = RewardScale(chosen.scaling, momentum=self.momentum, window=self.window, span=span)
        mask = masker(self.mask, ledger)
        policy: _Policy
        if self.policy == "independent":
            policy = _IndependentPolicy(ledger.space, rng, chosen, mask)
        else:
            policy = LSTMPolicy(
                ledger.space,
                rng,
                hidden=self.hidden,
                learning_rate=chosen.learning_rate,
                entropy_weight=chosen.entropy_weight,
                mask=mask,
            )
        while True:
            archs = policy.sample(chosen.batch)
            policy.update(scale(ledger.evaluate(archs).reward))


class _Policy(Protocol):
    """A distribution over architectures that can be drawn from and improved."""

    def sample(self, n: int) -> Archs:
        """``(n, D)`` architectures."""
        ...

    def update(self, advantages: Floats) -> None:
        """One step of Adam, given the ``(n,)`` advantages of the last sample."""
        ...


class _IndependentPolicy:
    """A softmax for each decision, on its own logits; gradient and Adam in closed form.

    Logits start at 1e-3 times a standard normal (NATS-Bench).
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator, chosen: Hyperparameters, mask: Mask | None = None) -> None:
        self._space, self._rng, self._chosen = space, rng, chosen
        self._mask = space.mask if mask is None else mask
        self.logits: Floats = rng.normal(scale=1e-3, size=(space.num_decisions, space.max_choices))
        self._adam = Adam(self.logits, chosen.learning_rate)

    def sample(self, n: int) -> Archs:
        space = self._space
        archs = np.full((n, space.num_decisions), -1, dtype=np.int8)
        noise = self._rng.gumbel(size=(n, space.num_decisions, space.max_choices))
        self._masked = np.empty_like(noise)
        for t in range(space.num_decisions):
            self._masked[:, t] = np.where(self._mask(archs, t), self.logits[t], -np.inf)
            archs[:, t] = (self._masked[:, t] + noise[:, t]).argmax(axis=1)
        self._chosen_one = np.arange(space.max_choices) == archs[:, :, None]
        return archs

    def gradient(self, advantages: Floats) -> Floats:
        """``(D, max_choices)`` derivative of the loss by the logits, for the last sample."""
        slope = loss_by_logits(self._masked, self._chosen_one, advantages[:, None, None], self._chosen.entropy_weight)
        return np.asarray(slope.mean(axis=0))

    def update(self, advantages: Floats) -> None:
        self._adam.step(self.gradient(advantages))
