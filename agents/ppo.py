"""PPO: sb3-contrib's MaskablePPO on the environment, set up for a few hundred evaluations."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import ClassVar, get_args

import numpy as np

from nasgym.agents.agent import Agent
from nasgym.agents.common.reward_scale import RewardScale, Scaling
from nasgym.agents.disclosure import Disclosure
from nasgym.envs.observation import MaskKind
from nasgym.errors import InvalidValue, unknown_name
from nasgym.ledger.ledger import Ledger

__all__ = ["PPO"]


@dataclass
class PPO(Agent):
    """Proximal policy optimisation (Schulman et al., 1707.06347) with masked choices.

    It runs sb3-contrib's ``MaskablePPO``. The policy walks through the episodes of
    `nasgym.envs.vector_env.NASVectorEnv` (`SB3Rollouts`): one step is one decision, and only the
    last one is rewarded. All episodes share the ledger and march in lock-step, so that an update
    sees `episodes` architectures; more, where a stop ends some of them sooner, and then what an
    update cuts off counts by its value. The discount is 1.

    The clipping range 0.2 is the paper's, the value weight 0.5 Stable-Baselines3's. What is called
    this library's choice was tuned for 300 evaluations, where the usual setting (2,048 steps
    between updates) would hardly update at all. The paper's values, those of its experiments on
    control, are remembered.

    Stable-Baselines3 draws from the global generators of Python, NumPy and torch. A search seeds
    them from the generator that it is given, so its result does not depend on what ran before, but
    it does change their state, and two searches must not run in threads of one process.

    Attributes:
        episodes: Architectures between two updates, at least 2; this library's choice.
        epochs: Passes over them in each update; this library's choice. The paper's 10 make the
            policy repeat a few architectures after a hundred evaluations.
        learning_rate: Of Adam; this library's choice (the paper's is 3e-4).
        entropy_weight: What a nat of entropy is worth, in advantages of standard deviation 1; this
            library's choice.
        gae_lambda: Trades bias against variance of the advantages in [0, 1]; 1 counts what was
            really reached.
        scaling: How final rewards are scaled (`RewardScale`); ``"rank"`` is this library's choice.
        momentum: Of the running mean and variance that ``"percent"`` and ``"standardised"`` use.
        window: Rewards that ``"rank"`` compares with; this library's choice.
        hidden: Units of each of the two hidden layers of policy and value network; 64 as in the
            paper.
        mask: ``"legal"``, or ``"feasible"``: the policy only makes decisions after which the
            constraint can still be met.
    """

    name: ClassVar[str] = "ppo"
    needs: ClassVar[tuple[str, ...]] = ("torch", "stable_baselines3", "sb3_contrib")
    episodes: int = 10
    epochs: int = 3
    learning_rate: float = 1e-3
    entropy_weight: float = 0.2
    gae_lambda: float = 1.0
    scaling: Scaling = "rank"
    momentum: float = 0.9
    window: int = 100
    hidden: int = 64
    mask: MaskKind = "legal"

    def __post_init__(self) -> None:
        # the advantages of an update are divided by their standard deviation, which one episode may
        # not have
        for field, least in (("episodes", 2), ("epochs", 1), ("hidden", 1)):
            if getattr(self, field) < least:
                raise InvalidValue(f"{field} must be at least {least}, got {getattr(self, field)!r}.")
        if not self.learning_rate > 0 or not self.entropy_weight >= 0:
            raise InvalidValue(
                "learning_rate must be positive and entropy_weight not negative, got "
                f"{self.learning_rate!r} and {self.entropy_weight!r}."
            )
        if not 0.0 <= self.gae_lambda <= 1.0:
            raise InvalidValue(f"gae_lambda must lie in [0, 1], got {self.gae_lambda!r}.")
        if self.mask not in get_args(MaskKind):
            raise unknown_name("mask", self.mask, get_args(MaskKind))
        self._scale()  # checks its arguments

    def disclose(self) -> Disclosure:
        """See `Agent.disclose`."""
        return Disclosure(
            tuning=(
                "episodes, epochs, learning rate, entropy weight, scaling and window are this library's, tuned for 300 evaluations, "
                "repeats paid, on problems that were not recorded (Digits and NAS-Bench-Macro are likely); clipping and layers as in the "
                "paper (1707.06347)"
            ),
            settings="not recorded",
            choices=self.mask,
            over_limit="rejected" if self.mask == "feasible" else "evaluated",
            reads_costs=True,  # observations hold the least cost of what can still be built
            learns_from="rewards",
        )

    def _scale(self, span: float = 1.0) -> RewardScale:
        return RewardScale(self.scaling, momentum=self.momentum, window=self.window, span=span)

    def _search(self, ledger: Ledger, rng: np.random.Generator) -> None:
        # two seconds of imports, which who only reads the results of a search need not wait for
        import torch
        from sb3_contrib import MaskablePPO
        from stable_baselines3.common.logger import Logger

        from nasgym.agents.common.sb3_rollouts import SB3Rollouts

        torch.set_num_threads(1)
        steps = ledger.space.num_decisions
        envs = SB3Rollouts(ledger, self.episodes, self.mask, self._scale(ledger.quality.span))
        model = MaskablePPO(
            "MlpPolicy",
            envs,
            n_steps=steps,
            batch_size=steps * self.episodes,
            n_epochs=self.epochs,
            learning_rate=self.learning_rate,
            gamma=1.0,
            gae_lambda=self.gae_lambda,
            ent_coef=self.entropy_weight,
            policy_kwargs={"net_arch": [self.hidden, self.hidden]},
            seed=int(rng.integers(2**31)),
            device="cpu",
        )
        model.set_logger(Logger(folder=None, output_formats=[]))  # the default one makes a folder
        model.learn(sys.maxsize)  # the ledger ends it
