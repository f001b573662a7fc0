"""The environment ids: what each stands for, and their registration with Gymnasium."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nasgym.errors import unknown_name

__all__ = ["IDS", "Benchmark", "benchmark", "live_id", "mo_id", "register_envs", "single_id"]

OF_TABLE = "nasgym.problems.sources.table:table_parts"
OF_SPACE = "nasgym.problems.sources.space:space_parts"
HALF_OF_RANGE: dict[str, Any] = {"fraction": 0.5, "of": "range"}


@dataclass(frozen=True)
class Benchmark:
    """What an id stands for.

    Attributes:
        table: Name of its table, or of its space where it plays no table.
        summary: One sentence for `nasgym list`.
        reward: Default rule.
        target: Default target, used by every rule that has one.
        any_table: Whether the keyword ``table`` may name another table.
        loader: ``"module:function"`` that makes the `nasgym.problems.request.ProblemParts` from a
            `Request`.
        accuracies: The accuracy oracles that it knows; the first is its own.
        device: The device whose latency is its cost; None where that is counted.
        networks: Whether the networks of its space can be built here, so that ``device="live"`` can
            time them.
    """

    table: str
    summary: str
    reward: str = "accuracy"
    target: Mapping[str, Any] | float = field(default_factory=lambda: HALF_OF_RANGE)
    any_table: bool = False
    loader: str = OF_TABLE
    accuracies: tuple[str, ...] = ("table",)
    device: str | None = None
    networks: bool = False

    @property
    def plays_table(self) -> bool:
        """Whether it is a table, and not a space with networks."""
        return self.loader == OF_TABLE

    @property
    def trains(self) -> bool:
        """Whether every candidate is trained by default.

        Gymnasium then knows the id as nondeterministic.
        """
        return self.accuracies[0] == "training"


def _mobile(space: str, summary: str) -> Benchmark:
    """An id of a mobile space: trained on the spot, MACs at ImageNet scale."""
    return Benchmark(
        space,
        f"{summary}; candidates are trained on digits at a quarter of the width for one epoch",
        "constrained",
        any_table=True,
        loader=OF_SPACE,
        accuracies=("training", "table", "surrogate"),
        networks=True,
    )


IDS: dict[str, Benchmark] = {
    # the shipped table, every network trained by this project; works without any import
    "nasgym/Digits-v0": Benchmark(
        "digits",
        "five MBConv layers on 8x8 digits, 3,125 architectures trained three times; at most half of the MACs range",
        "constrained",
        networks=True,
        accuracies=("table", "training"),
    ),
    "nasgym/NASBenchMacro-v0": Benchmark(
        "nas-bench-macro", "eight layers of identity or MBConv on CIFAR-10, 6,561 encodings (3,969 networks)", networks=True
    ),
    "nasgym/NATS-TSS-v0": Benchmark(
        "nats-tss",
        "NATS-Bench topology: cells of six edges and five operations, 15,625 cells",
        networks=True,
        accuracies=("table", "training"),
    ),
    "nasgym/NATS-SSS-v0": Benchmark(
        "nats-sss",
        "NATS-Bench size: five layer widths, 32,768 networks",
        target={"fraction": 0.5, "of": "max"},
        networks=True,
        accuracies=("table", "training"),
    ),
    "nasgym/OFA-v0": Benchmark(
        "ofa",
        "Once-for-All on ImageNet: resolution and five stages of MBConv blocks, 10^20 networks with predicted accuracies; at "
        "most 25 ms on a phone",
        "constrained",
        target=25.0,
        any_table=True,
        loader=OF_SPACE,
        accuracies=("predictor", "table", "surrogate", "training"),
        device="note10",
        networks=True,
    ),
    "nasgym/ProxylessNAS-v0": _mobile(
        "proxylessnas", "21 MBConv layers of kernel and expansion, most can be skipped, 2.2 x 10^17"
    ),
    "nasgym/MnasNet-v0": _mobile("mnasnet", "seven blocks of six decisions each, 2.8 x 10^18"),
    "nasgym/MobileNetV3-v0": _mobile("mobilenetv3", "14 blocks around MobileNetV3-Large, five decisions each, 9.1 x 10^24"),
    "nasgym/MoGA-v0": _mobile("moga", "14 blocks of kernel, expansion and gate, 1.3 x 10^15"),
    "nasgym/FairNAS-v0": _mobile("fairnas", "19 blocks of kernel and expansion, 6.1 x 10^14"),
    "nasgym/TuNAS-v0": _mobile("tunas", "ProxylessNAS with a searched first block and a wider first stage, 6.7 x 10^17"),
    # any imported table: table="name" after `nasgym data import table`
    "nasgym/Table-v0": Benchmark(
        "digits",
        "your own table: table=NAME after `nasgym data import table`",
        any_table=True,
        accuracies=("table", "surrogate", "training"),
    ),
}


def benchmark(env_id: str) -> Benchmark:
    """What an id stands for.

    Raises:
        UnknownName: No such id; the nearest is suggested.
    """
    single = single_id(env_id)
    timed = env_id.replace("/live-", "/")
    if env_id not in IDS and timed in IDS:
        raise unknown_name("problem", env_id, IDS, f"The problem of that environment is {timed!r} with device='live'.")
    if env_id not in IDS and single in IDS:
        raise unknown_name("problem", env_id, IDS, f"The problem of that environment is {single!r}.")
    if env_id not in IDS:
        raise unknown_name("environment id", env_id, IDS)
    return IDS[env_id]


def single_id(env_id: str) -> str:
    """The id with one reward: ``nasgym/Digits-v0`` of ``nasgym/mo-Digits-v0``; others stay."""
    single = env_id.replace("/mo-", "/")
    return single if single in IDS else env_id


def mo_id(env_id: str) -> str:
    """The id with one reward per objective: ``nasgym/mo-Digits-v0`` of ``nasgym/Digits-v0``."""
    namespace, _, name = env_id.partition("/")
    return f"{namespace}/mo-{name}"


def live_id(env_id: str) -> str:
    """The id that times every network on this machine.

    For example ``nasgym/live-Digits-v0`` of ``nasgym/Digits-v0``.
    """
    namespace, _, name = env_id.partition("/")
    return f"{namespace}/live-{name}"


def register_envs() -> None:
    """Registers every id with Gymnasium: with one reward, with several, and timed live.

    Only strings are registered; nothing is loaded.
    """
    import gymnasium

    for env_id in IDS:
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="nasgym.envs.env:NASEnv",
                vector_entry_point="nasgym.envs.vector_env:NASVectorEnv",
                nondeterministic=IDS[env_id].trains,
                kwargs={"problem": env_id},
            )
        if mo_id(env_id) not in gymnasium.registry:
            gymnasium.register(
                mo_id(env_id),
                entry_point="nasgym.envs.mo_env:MONASEnv",
                vector_entry_point="nasgym.envs.mo_env:MONASVectorEnv",
                nondeterministic=IDS[env_id].trains,
                # Gymnasium's checker asks for rewards of one number
                disable_env_checker=True,
                kwargs={"problem": env_id},
            )
        if IDS[env_id].networks and live_id(env_id) not in gymnasium.registry:
            gymnasium.register(
                live_id(env_id),
                entry_point="nasgym.envs.env:NASEnv",
                vector_entry_point="nasgym.envs.vector_env:NASVectorEnv",
                nondeterministic=True,
                kwargs={"problem": env_id, "device": "live"},
            )
