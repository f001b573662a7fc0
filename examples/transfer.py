"""One policy for many devices and latency targets.

    python examples/transfer.py

PPO learns on half of NATS-Bench's devices and targets, and is tested on the others. The
environments differ in their device, and every episode has a latency target of its own
(`reset(options={"target": ...})`). The policy does not know the device: it sees its choices, the
least latency that they still allow over the target, and how tight the target is. After the training
nothing is learnt any more. On each held-out device and target the policy draws ten architectures.
Feasible masks keep it within the latency target (without them this training is too short to learn
that). Its rivals start from nothing on every device and target, but they know as much of the
latencies, and all may also evaluate ten times as many architectures: random draws with the policy's
masks, evolution that begins with feasible draws and rejects what is too slow before it evaluates,
REINFORCE with feasible masks, and LayerNAS. They have the hyper-parameters that they have by
default; those of the policy were chosen on CIFAR-100.

Regrets are means over tests, with Student's 95 % interval over devices, since the tests of one
device are not independent. What the policy's regret is below a rival's is the interquartile mean
over devices, with the intervals and tests of `nasgym compare` (p-values by Wilcoxon's signed-rank
test, corrected by Holm for the number of rivals).

With `--split models` (the default) every second model of a kind is for the test: a Pixel 2 is new
there, but a Pixel 3 was in the training. With `--split kinds` the training has graphics cards only,
and the test phones, server processors, a Raspberry Pi and two accelerators, which is much harder.
Targets are fractions of a device's latency range, [0, 0.1) for training, [0.1, 0.2) for the test,
and so on. Accuracies do not depend on the device: what is new in the test is the latency, and the
policy comes with everything that it has learnt about accuracy. Needs the table and the devices:
`nasgym data import nats-bench PATH` and `nasgym data import nb201-devices PATH`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields

import gymnasium as gym
import numpy as np
import torch
from ppo_cleanrl_style import Policy
from scipy.stats import t as student
from torch import nn

import nasgym
from nasgym.agents import make_agent
from nasgym.compare.paired import holm, paired
from nasgym.problems.sources.table import table_devices

ENV_ID = "nasgym/NATS-TSS-v0"
REWARD = "constrained"
MASK = "feasible"
HALF = {"fraction": 0.5, "of": "range"}
POLICY = "the policy"
KINDS = {
    "graphics cards": ("1080ti", "2080ti", "titan_rtx", "titanx", "titanxp"),
    "phones": ("essential_ph_1", "pixel2", "pixel3", "samsung_a50", "samsung_s7"),
    "server processors": ("gold_6226", "gold_6240", "silver_4114", "silver_4210r"),
    "boards and accelerators": ("eyeriss", "fpga", "raspi4"),
}


@dataclass
class Settings:
    """What can be set on the command line."""

    dataset: str = "cifar10"
    """data set of the accuracies and latencies"""
    split: str = "models"
    """held out: every second model of a kind ("models"), or all but the graphics cards ("kinds")"""
    seed: int = 0
    """of the network's first weights and of all draws"""
    updates: int = 1000
    """each sees one target on every training device"""
    group: int = 16
    """architectures for one device and target, ranked against each other"""
    update_epochs: int = 4
    """passes over a batch in each update"""
    learning_rate: float = 2e-3
    """of Adam, falling to 0 over the training"""
    clip_coef: float = 0.2
    """how far the ratio of new to old probability may leave 1"""
    ent_coef: float = 0.01
    """what a nat of entropy is worth, in advantages of standard deviation 1"""
    hidden: int = 128
    """units of each hidden layer"""
    evaluations: int = 10
    """architectures that everyone may evaluate in the test"""
    seeds: int = 10
    """tests of each held-out device and target"""


def devices(split: str, dataset: str) -> tuple[list[str], list[str]]:
    """Training and test devices.

    A model at other batch sizes (``titanx_1``, ``titanx_256``) stays on its side.
    """
    if split not in ("models", "kinds"):
        raise SystemExit(f"error: --split is 'models' or 'kinds', got {split!r}.")
    names = sorted(table_devices("nats-tss", dataset))
    sides: tuple[list[str], list[str]] = ([], [])
    for kind, models in KINDS.items():
        for place, model in enumerate(models):
            side = place % 2 if split == "models" else int(kind != "graphics cards")
            sides[side].extend(name for name in names if name == model or name.rpartition("_")[0] == model)
    if not all(sides):
        raise SystemExit("error: there are no devices to learn or to test on; nasgym data import nb201-devices PATH gets them.")
    return sides


def keywords(device: str, dataset: str) -> dict[str, object]:
    """What a device's environment is made with; its own target is replaced in every episode."""
    return {"device": device, "dataset": dataset, "reward": REWARD, "target": HALF, "mask": MASK}


def fractions(rng: np.random.Generator, num: int, side: int) -> np.ndarray:
    """``(num,)`` fractions from the even (side 0) or the odd (side 1) tenths of the range."""
    return (2 * rng.integers(0, 5, num) + side + rng.random(num)) / 10


def roll_out(
    envs: gym.vector.VectorEnv, policy: Policy, targets: np.ndarray
) -> tuple[dict[str, torch.Tensor], np.ndarray, list[str]]:
    """One episode in each environment, at the given targets.

    Returns:
        What the policy saw and did by name, ``(steps, envs, ...)`` each; ``(envs,)`` rewards; the
        architectures.
    """
    observation, info = envs.reset(options={"target": targets})
    seen: dict[str, list[torch.Tensor]] = {"observations": [], "masks": [], "actions": [], "log_probs": []}
    for _ in range(envs.unwrapped.num_steps):
        observations = torch.from_numpy(observation)
        masks = torch.from_numpy(info["action_mask"]).bool()
        with torch.no_grad():
            log_p = policy.log_probabilities(observations, masks)
        actions = torch.multinomial(log_p.exp(), 1)
        for name, values in zip(seen, (observations, masks, actions, log_p.gather(1, actions)), strict=True):
            seen[name].append(values)
        observation, reward, _, _, info = envs.step(actions.squeeze(1).numpy())
    return {name: torch.stack(values) for name, values in seen.items()}, reward, info["arch"].tolist()


def train(args: Settings, train_devices: list[str]) -> tuple[Policy, int]:
    """A policy, and the evaluations that it took."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    make = {"vectorization_mode": "vector_entry_point", "autoreset_mode": "Disabled"}
    worlds = [gym.make_vec(ENV_ID, num_envs=args.group, **make, **keywords(name, args.dataset)) for name in train_devices]
    ranges = [world.unwrapped.problem.scale for world in worlds]
    policy = Policy(worlds[0].single_observation_space.shape[0], int(worlds[0].single_action_space.n), args.hidden)
    optimizer = torch.optim.Adam(policy.parameters(), lr=args.learning_rate, eps=1e-5)
    for update in range(args.updates):
        parts, advantages = [], []
        for world, scale, fraction in zip(worlds, ranges, fractions(rng, len(worlds), side=0), strict=True):
            target = scale.least + fraction * (scale.largest - scale.least)
            part, rewards, _ = roll_out(world, policy, np.full(args.group, target))
            # what an architecture is worth is known only beside others for the same device and
            # target
            rank = (rewards[:, None] > rewards).sum(axis=1) + 0.5 * (rewards[:, None] == rewards).sum(axis=1)
            parts.append(part)
            advantages.append((rank - rank.mean()) / (rank.std() + 1e-8))
        batch = {name: torch.cat([part[name] for part in parts], dim=1) for name in parts[0]}
        advantage = torch.from_numpy(np.concatenate(advantages)).float()[None, :, None]
        optimizer.param_groups[0]["lr"] = args.learning_rate * (1 - update / args.updates)
        for _ in range(args.update_epochs):
            log_p = policy.log_probabilities(batch["observations"], batch["masks"])
            ratio = (log_p.gather(2, batch["actions"]) - batch["log_probs"]).exp()
            clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
            entropy = -(log_p.exp() * log_p).sum(dim=-1).mean()
            loss = -torch.minimum(advantage * ratio, advantage * clipped).mean() - args.ent_coef * entropy
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
            optimizer.step()
        if update % max(1, args.updates // 5) == 0:
            print(f"update {update}: last device's mean reward {rewards.mean():.4f}", flush=True)
    return policy, args.updates * args.group * len(worlds)


def test(args: Settings, policy: Policy, test_devices: list[str]) -> dict[str, np.ndarray]:
    """Regret of the best of a few evaluations, in points of accuracy; ``(tests,)`` a contestant."""
    rivals = {
        "evolution x 10": (make_agent("regularized-evolution", reject=True, draw="feasible"), 10),
        "reinforce x 10": (make_agent("reinforce", mask="feasible"), 10),
        "layernas x 10": (make_agent("layernas"), 10),
    }
    names = (POLICY, "random draws", "random draws x 10", *rivals)
    found: dict[str, list[float]] = {name: [] for name in names}
    uniform = Policy(policy.actor[0].in_features, policy.actor[-1].out_features, args.hidden)
    for parameter in uniform.parameters():
        nn.init.zeros_(parameter)
    rng = np.random.default_rng(args.seed + 1)
    for device in test_devices:
        envs = gym.make_vec(
            ENV_ID,
            num_envs=args.evaluations,
            vectorization_mode="vector_entry_point",
            autoreset_mode="Disabled",
            **keywords(device, args.dataset),
        )
        problem = envs.unwrapped.problem
        for fraction in fractions(rng, args.seeds, side=1):
            target = problem.scale.least + fraction * (problem.scale.largest - problem.scale.least)
            task = problem.at(target)
            best = task.optimum().reward
            for name, who, times in zip(names, (policy, uniform, uniform), (1, 1, 10), strict=False):
                rewards = [roll_out(envs, who, np.full(args.evaluations, target))[1].max() for _ in range(times)]
                found[name].append(best - max(rewards))
            seed = int(rng.integers(2**31))
            for name, (rival, times) in rivals.items():
                result = rival.search(task, budget=nasgym.Budget("total", args.evaluations * times), seed=seed)
                found[name].append(best - result.best_reward)
    return {name: 100 * np.array(values) for name, values in found.items()}


def main() -> None:
    """Trains, tests, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for entry in fields(Settings):
        default = getattr(Settings(), entry.name)
        parser.add_argument("--" + entry.name.replace("_", "-"), type=type(default), default=default)
    args = Settings(**vars(parser.parse_args()))
    train_devices, test_devices = devices(args.split, args.dataset)
    print(f"training on {', '.join(train_devices)}")
    policy, evaluations = train(args, train_devices)
    print(f"trained with {evaluations:,} evaluations; testing on {', '.join(test_devices)}")
    regrets = test(args, policy, test_devices)
    # the tests of one device are not independent
    means = {name: values.reshape(len(test_devices), -1).mean(axis=1) for name, values in regrets.items()}
    for name, values in means.items():
        half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        print(f"{name:>20}: regret {values.mean():6.3f} points [{values.mean() - half:.3f}, {values.mean() + half:.3f}]")
    scores = {name: -values for name, values in means.items()}
    leads = [paired(POLICY, name, scores) for name in scores if name != POLICY]
    p_values = holm([lead.p_value for lead in leads])
    print(
        f"the policy's regret, {args.evaluations} evaluations on {len(regrets[POLICY])} held-out tasks, is below its rivals' by"
    )
    for lead, p_value in zip(leads, p_values, strict=True):
        print(f"{lead.second:>20}: {lead.difference:+.3f} points [{lead.low:+.3f}, {lead.high:+.3f}], p = {p_value:.3f}")


if __name__ == "__main__":
    try:
        main()
    except nasgym.errors.MissingData as error:
        raise SystemExit(f"error: {error}") from None
