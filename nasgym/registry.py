"""Names of spaces, tables, rules and agents: the built-in ones, and those of other packages' entry points.

Another package adds its own with an entry point of the group, for example in its ``pyproject.toml``::

    [project.entry-points."nasgym.agents"]
    my-agent = "my_package.my_agent:MyAgent"

Groups: ``nasgym.agents`` (an `nasgym.agents.Agent` dataclass), ``nasgym.rules`` (a `RewardRule` dataclass),
``nasgym.spaces`` (a `SearchSpace` that takes no argument), ``nasgym.tables`` (a function that returns the path of a table
file). Entry points are read when a name is looked up that is not built in, or when names are listed; never at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from nasgym.errors import DataError, MissingPackage, unknown_name

__all__ = ["AGENTS", "RULES", "SPACES", "TABLES", "Registry"]


@dataclass(frozen=True)
class Registry:
    """Names of one kind.

    Attributes:
        kind: What the names are, for messages.
        group: Entry-point group.
        builtin: Name to ``"module:attribute"``.
        extra: The extra that installs what the built-in ones need.
    """

    kind: str
    group: str
    builtin: Mapping[str, str] = field(default_factory=dict)
    extra: str = "all"

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group) if point.name not in self.builtin}

    def names(self) -> list[str]:
        """All names: the built-in ones first, then those of other packages."""
        return [*self.builtin, *sorted(self._plugins())]

    def load(self, name: str) -> Any:
        """What a name stands for.

        Raises:
            UnknownName: There is none of that name; the nearest is suggested.
            DataError: Another package's entry point cannot be loaded.
            MissingPackage: It needs an optional package that is not installed.
        """
        if name in self.builtin:
            module, _, attribute = self.builtin[name].partition(":")
            try:
                return getattr(import_module(module), attribute)
            except ModuleNotFoundError as error:
                if error.name is None or error.name.startswith("nasgym"):
                    raise
                raise MissingPackage(
                    f"{self.kind} {name!r} needs the package {error.name!r}, which is not installed: pip install 'nasgym[{self.extra}]'."
                ) from error
        plugins = self._plugins()
        if name not in plugins:
            raise unknown_name(self.kind, name, self.names())
        try:
            return plugins[name].load()
        except (ImportError, AttributeError) as error:
            raise DataError(
                f"{self.kind} {name!r} of entry point {plugins[name].value!r} cannot be loaded: {error}."
            ) from error


SPACES = Registry(
    "space",
    "nasgym.spaces",
    {
        "digits": "nasgym.spaces.digits:DigitsSpace",
        "nas-bench-macro": "nasgym.spaces.nas_bench_macro:NASBenchMacroSpace",
        "nats-tss": "nasgym.spaces.nats_bench:TopologySpace",
        "nats-sss": "nasgym.spaces.nats_bench:SizeSpace",
    },
)

TABLES = Registry("table", "nasgym.tables")

RULES = Registry(
    "reward rule",
    "nasgym.rules",
    {
        "accuracy": "nasgym.rewards:Accuracy",
        "mnasnet-soft": "nasgym.rewards:MnasNetSoft",
        "mnasnet-hard": "nasgym.rewards:MnasNetHard",
        "weighted-sum": "nasgym.rewards:WeightedSum",
        "absolute": "nasgym.rewards:Absolute",
        "constrained": "nasgym.rewards:Constrained",
        "cost-bucket": "nasgym.rewards:CostBucket",
    },
)

AGENTS = Registry(
    "agent",
    "nasgym.agents",
    {
        "random": "nasgym.agents.random_search:RandomSearch",
        "local-search": "nasgym.agents.local_search:LocalSearch",
        "regularized-evolution": "nasgym.agents.regularized_evolution:RegularizedEvolution",
        "reinforce": "nasgym.agents.reinforce:Reinforce",
        "ppo": "nasgym.agents.ppo:PPO",
        "nsga2": "nasgym.agents.nsga2:NSGA2",
        "layernas": "nasgym.agents.layernas:LayerNAS",
    },
    extra="agents",
)
