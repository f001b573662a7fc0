"""MnasNet's figure on Once-for-All: what a soft and a hard latency constraint make agents sample.

    python examples/soft_vs_hard.py

PPO and REINFORCE each sample 3,000 models under `mnasnet-hard` (accuracy up to the target latency
T, accuracy times T / latency beyond) and under `mnasnet-soft` (accuracy times (latency / T) to the
power of -0.07, on both sides of T). Upper row: accuracy and latency of every sampled model, early
ones light and late ones dark, with the Pareto front of the sample. Lower row: how many models were
sampled at each latency.

In the paper (MnasNet, 1807.11626, Figure 4; from memory) the hard constraint keeps the controller
among models faster than T, and the soft one makes it sample a wider range around T. Here it is the
other way round, for both agents and seeds 0, 1 and 2: of the last third of the models 70 to 75 %
are within T under the hard constraint, packed at T (mean 23.7 to 24.0 ms with T = 25), and 90 to 99
% under the soft one, at a mean of 21.2 to 22.2 ms and no wider. Two likely reasons: the soft reward
pays for speed below T too, and among the best known networks of this space
(`benchmarks/ofa_search.md`) it is largest between 20 and 25 ms; and these agents rank rewards, so
that a steep penalty repels no more than a slight one. The soft constraint finds the better models:
the most accurate one within T has 81.4 to 81.7 % against 80.9 to 81.3 %.

Accuracies are predicted. Takes about a minute and a half on one core. Needs `nasgym data import ofa
PATH`.
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
COLOURS = {"mnasnet-hard": "#D55E00", "mnasnet-soft": "#0072B2"}


def sample(agent: str, rule: str, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Latency (ms) and accuracy (percent) of every sampled model, in the order of sampling."""
    problem = nasgym.make_problem(ENV_ID, reward=rule, target=args.target)
    history = make_agent(agent).search(problem, budget=nasgym.Budget("total", args.models), seed=args.seed).history
    return history.costs["latency_ms"], history.accuracy * 100


def front(latency: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """The models that no other one beats in both, by latency."""
    order = np.lexsort((-accuracy, latency))
    best = np.maximum.accumulate(accuracy[order])
    return order[np.concatenate([[True], best[1:] > best[:-1]])]


def main() -> None:
    """Runs the four searches, prints what they sampled and draws the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=3000, help="sampled models of each search (default 3000)")
    parser.add_argument("--target", type=float, default=25.0, help="T in milliseconds (default 25)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("soft_vs_hard.png"))
    args = parser.parse_args()
    try:
        found = {(agent, rule): sample(agent, rule, args) for agent in AGENTS for rule in RULES}
    except nasgym.NasgymError as error:
        sys.exit(f"error: {error}")

    print(f"{'':24}{'of all models':>32}{'of the last third':>48}")
    print(
        f"{'':24}{'<= T':>16}{'T +- 10 %':>16}{'<= T':>16}{'T +- 10 %':>16}{'latency, ms: mean (s.d.)':>28}{'best accuracy <= T':>22}"
    )
    last = {}
    for (agent, rule), (latency, accuracy) in found.items():
        last[agent, rule] = late = latency[-(len(latency) // 3 or 1) :]
        shares = [
            f"{np.mean(some):16.0%}" for ms in (latency, late) for some in (ms <= args.target, abs(ms / args.target - 1) <= 0.1)
        ]
        within = accuracy[latency <= args.target]
        best = f"{within.max():.2f} %" if len(within) else "none"
        print(f"{agent + ', ' + rule:24}{''.join(shares)}{f'{late.mean():.1f} ({late.std():.1f})':>28}{best:>22}")

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(15, 6), sharex=True, sharey="row", height_ratios=(3, 2), layout="constrained")
    longest = max(latency.max() for latency, _ in found.values())
    shortest = min(latency.min() for latency, _ in found.values())
    for column, ((agent, rule), (latency, accuracy)) in enumerate(found.items()):
        upper, lower = axes[:, column]
        upper.scatter(latency, accuracy, c=np.arange(len(latency)), cmap="Greens", vmin=-len(latency) // 3, s=5, lw=0)
        best = front(latency, accuracy)
        upper.plot(latency[best], accuracy[best], color="#0072B2", lw=1.4, label="Pareto front of the sample")
        upper.set_title(f"{agent}, {rule}", fontsize=11)
        lower.hist(latency, bins=np.linspace(shortest, longest, 41).tolist(), color=COLOURS[rule], label="all models")
        lower.hist(
            last[agent, rule],
            bins=np.linspace(shortest, longest, 41).tolist(),
            histtype="step",
            color="black",
            label="the last third",
        )
        for axis in (upper, lower):
            axis.axvline(args.target, color="black", lw=1.0, ls="--")
            axis.grid(alpha=0.25)
            axis.spines[["top", "right"]].set_visible(False)
        lower.set_xlabel("latency on a Note10, ms")
        upper.annotate("T", (args.target, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -10), textcoords="offset points")
    axes[0][0].set_ylabel("predicted accuracy, %")
    axes[1][0].set_ylabel("sampled models")
    axes[0][0].legend(frameon=False, loc="lower right", fontsize=9)
    axes[1][0].legend(frameon=False, loc="upper right", fontsize=9)
    figure.savefig(args.out, dpi=110)
    print(f"wrote {args.out}")
    for agent in AGENTS:
        hard, soft = (last[agent, rule] for rule in RULES)
        print(
            f"{agent}: {np.mean(hard <= args.target):.0%} of the last third of the models is within T under the hard constraint, "
            f"{np.mean(soft <= args.target):.0%} under the soft one; their latencies spread by {hard.std():.1f} and {soft.std():.1f} ms (s.d.)."
        )


if __name__ == "__main__":
    main()
