"""MnasNet's figure on Once-for-All: what a soft and a hard latency constraint make agents sample.

    python examples/soft_vs_hard.py

PPO and REINFORCE each sample 3,000 models under `mnasnet-hard` (accuracy up to the target latency
T, accuracy times T / latency beyond) and under `mnasnet-soft` (accuracy times (latency / T) to the
power of -0.07, on both sides of T), with advantages by the rank of a reward, as is their default,
and by the reward in percent. Upper rows: accuracy and latency of every sampled model of the first
seed, early ones light and late ones dark, with the Pareto front of the sample. Lower rows: how many
models were sampled at each latency.

In the paper (MnasNet, 1807.11626, Figure 4; from memory) the hard constraint keeps the controller
among models faster than T, and the soft one makes it sample a wider range around T. With rewards in
percent that is what REINFORCE does; docs/results.md has the numbers. Ranks hide every monotone
change of the reward, so that a steep penalty repels no more than a slight one: what they show says
nothing about the two rules.

Accuracies are predicted. Takes about three minutes a seed on one core. Needs `nasgym data import
ofa PATH`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import nasgym
from nasgym.agents import make_agent

ENV_ID = "nasgym/OFA-v0"
AGENTS = ("ppo", "reinforce")
RULES = ("mnasnet-hard", "mnasnet-soft")
SCALINGS = ("rank", "percent")
COLOURS = {"mnasnet-hard": "#D55E00", "mnasnet-soft": "#0072B2"}
Sample = tuple[np.ndarray, np.ndarray]


def sample(agent: str, scaling: str, rule: str, seed: int, args: argparse.Namespace) -> Sample:
    """Latency (ms) and accuracy (percent) of every sampled model, in the order of sampling."""
    problem = nasgym.make_problem(ENV_ID, reward=rule, target=args.target)
    search = make_agent(agent, scaling=scaling).search(problem, budget=nasgym.Budget("total", args.models), seed=seed)
    return search.history.costs["latency_ms"], search.history.accuracy * 100


def last_third(values: np.ndarray) -> np.ndarray:
    """What was sampled when the agent had learnt."""
    return values[-(len(values) // 3 or 1) :]


def front(latency: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """The models that no other one beats in both, by latency."""
    order = np.lexsort((-accuracy, latency))
    best = np.maximum.accumulate(accuracy[order])
    return order[np.concatenate([[True], best[1:] > best[:-1]])]


def spread(values: list[float], scale: float = 1.0) -> str:
    """Mean and standard deviation over the seeds."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else float("nan")
    return f"{scale * np.mean(values):.1f} ({scale * deviation:.1f})"


def report(agent: str, scaling: str, found: dict[str, list[Sample]], target: float) -> None:
    """One line for each rule: means over the seeds, with standard deviations between them."""
    for rule, samples in found.items():
        late = [last_third(latency) for latency, _ in samples]
        best = [accuracy[latency <= target].max() for latency, accuracy in samples if (latency <= target).any()]
        print(
            f"{agent}, {scaling}, {rule}: within T {spread([np.mean(ms <= target) for ms in late], 100)} %, latency "
            f"{spread([ms.mean() for ms in late])} ms, its s.d. {spread([ms.std() for ms in late])} ms; best within T "
            f"{spread(best) if best else 'none'} %"
        )


def draw(axes: np.ndarray, title: str, rule: str, found: Sample, ends: tuple[float, float], target: float) -> None:
    """The two panels of one search."""
    (upper, lower), (latency, accuracy), bins = axes, found, np.linspace(*ends, 41).tolist()
    upper.scatter(latency, accuracy, c=np.arange(len(latency)), cmap="Greens", vmin=-len(latency) // 3, s=5, lw=0)
    best = front(latency, accuracy)
    upper.plot(latency[best], accuracy[best], color="#0072B2", lw=1.4, label="Pareto front of the sample")
    upper.set_title(title, fontsize=10)
    lower.hist(latency, bins=bins, color=COLOURS[rule], label="all models")
    lower.hist(last_third(latency), bins=bins, histtype="step", color="black", label="the last third")
    for axis in (upper, lower):
        axis.axvline(target, color="black", lw=1.0, ls="--")
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    upper.annotate("T", (target, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -10), textcoords="offset points")


def main() -> None:
    """Runs the searches, draws the figure of the first seed and prints what all of them sampled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=3000, help="sampled models of each search (default 3000)")
    parser.add_argument("--target", type=float, default=25.0, help="T in milliseconds (default 25)")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0 to N - 1 (default 1)")
    parser.add_argument("--out", type=Path, default=Path("soft_vs_hard.png"))
    args = parser.parse_args()
    found: dict[tuple[str, str], dict[str, list[Sample]]] = {}
    try:
        for scaling in SCALINGS:
            for agent in AGENTS:
                found[scaling, agent] = {
                    rule: [sample(agent, scaling, rule, seed, args) for seed in range(args.seeds)] for rule in RULES
                }
    except nasgym.NasgymError as error:
        sys.exit(f"error: {error}")

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        4, 4, figsize=(15, 11), sharex=True, sharey="row", height_ratios=(3, 2) * 2, layout="constrained"
    )
    latencies = np.concatenate(
        [latency for rules in found.values() for samples in rules.values() for latency, _ in samples[:1]]
    )
    ends = (float(latencies.min()), float(latencies.max()))
    for place, ((scaling, agent), rules) in enumerate(found.items()):
        for right, (rule, samples) in enumerate(rules.items()):
            row, column = 2 * (place // 2), 2 * (place % 2) + right
            draw(axes[row : row + 2, column], f"{agent}, {rule}, by {scaling}", rule, samples[0], ends, args.target)
    for row in (0, 2):
        axes[row][0].set_ylabel("predicted accuracy, %")
        axes[row + 1][0].set_ylabel("sampled models")
    for axis in axes[3]:
        axis.set_xlabel("latency on a Note10, ms")
    axes[0][0].legend(frameon=False, loc="lower right", fontsize=9)
    axes[1][0].legend(frameon=False, loc="upper right", fontsize=9)
    figure.savefig(args.out, dpi=100)
    print(f"wrote {args.out}")
    print(f"last third of {args.models} models, T = {args.target:g} ms; mean (standard deviation) over {args.seeds} seeds")
    for (scaling, agent), rules in found.items():
        report(agent, scaling, rules, args.target)


if __name__ == "__main__":
    main()
