"""Names of spaces, tables, rules and agents: built-in ones, and other packages' entry points.

Another package adds its own with an entry point of the group, for example in its
``pyproject.toml``::

    [project.entry-points."nasgym.agents"]
    my-agent = "my_package.my_agent:MyAgent"

Groups: ``nasgym.agents`` (an `nasgym.agents.Agent` dataclass), ``nasgym.rules`` (a `RewardRule`
dataclass), ``nasgym.spaces`` (a `SearchSpace` that takes no argument), ``nasgym.tables`` (a
function that returns the path of a table file). Entry points are read when a name is looked up that
is not built in, or when names are listed; never at import. ``tests/plugin_package`` is a complete
package of this kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from nasgym.errors import DataError, MissingPackage, unknown_name

__all__ = ["AGENTS", "RULES", "SPACES", "TABLES", "Registry", "TableRegistry"]


@dataclass(frozen=True)
class Registry:
    """Names of one kind.

    Attributes:
        kind: What the names are, for messages.
        group: Entry-point group.
        builtin: Name to ``"module:attribute"``.
        extra: The extra that installs what the built-in ones need.
        base: ``"module:attribute"`` of the class that another package's entry point must derive
            from.
    """

    kind: str
    group: str
    builtin: Mapping[str, str] = field(default_factory=dict)
    extra: str = "all"
    base: str = ""

    def names(self) -> list[str]:
        """All names: the built-in ones first, then those of other packages."""
        return [*self.builtin, *sorted({point.name for point in entry_points(group=self.group)} - {*self.builtin})]

    def load(self, name: str) -> Any:
        """What a name stands for.

        Raises:
            UnknownName: There is none of that name; the nearest is suggested.
            DataError: Another package's entry point cannot be loaded or is something else, or two
                packages give the name.
            MissingPackage: It needs an optional package that is not installed.
        """
        if name in self.builtin:
            module, _, attribute = self.builtin[name].partition(":")
            try:
                return getattr(import_module(module), attribute)
            except ModuleNotFoundError as error:
                if error.name is None or error.name.startswith("nasgym"):
                    raise
                raise self.missing(name, error.name) from error
        return self._load_plugin(self._plugin(name))

    def missing(self, name: str, package: str) -> MissingPackage:
        """The error that says which package `name` needs and how to get it."""
        return MissingPackage(
            f"{self.kind} {name!r} needs the package {package!r}, which is not installed: pip install 'nasgym[{self.extra}]'."
        )

    def _plugin(self, name: str) -> EntryPoint:
        points = {point.value: point for point in entry_points(group=self.group) if point.name == name}
        if not points:
            raise unknown_name(self.kind, name, self.names())
        if len(points) > 1:
            raise DataError(f"several packages give the {self.kind} {name!r}: {', '.join(points)}; uninstall all but one.")
        return next(iter(points.values()))

    def _load_plugin(self, point: EntryPoint) -> Any:
        """The object of an entry point, checked to be what the group asks for."""
        entry = f"{self.kind} {point.name!r} of entry point {point.value!r}"
        try:
            loaded = point.load()
        except Exception as error:  # another package's module may fail with anything
            reason = str(error) if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
            raise DataError(f"{entry} cannot be loaded: {reason}.") from error
        if not self.base:
            if not callable(loaded):
                raise DataError(f"{entry} must be a function without arguments, got {loaded!r}.")
            return loaded
        module, _, attribute = self.base.partition(":")
        if not isinstance(loaded, type) or not issubclass(loaded, getattr(import_module(module), attribute)):
            raise DataError(f"{entry} must be a class that derives from {module}.{attribute}, got {loaded!r}.")
        if missing := sorted(getattr(loaded, "__abstractmethods__", ())):
            raise DataError(f"{entry} must define {', '.join(missing)}, which {module}.{attribute} leaves to it.")
        return loaded


@dataclass(frozen=True)
class TableRegistry(Registry):
    """Names of tables.

    An entry point is a function without arguments that returns the path of the table file.
    """

    def path(self, name: str) -> Path:
        """Where the table file of another package is.

        Raises:
            UnknownName, DataError: As `load`; or the function fails, or what it returns is not a
                file.
        """
        point = self._plugin(name)
        entry = f"table {name!r} of entry point {point.value!r}"
        try:
            path = Path(self._load_plugin(point)())
        except DataError:
            raise
        except Exception as error:  # another package's function may fail with anything
            raise DataError(f"{entry} does not say where its file lies: {type(error).__name__}: {error}.") from error
        if not path.is_file():
            raise DataError(f"{entry} names the file {path}, which is not there; install its package again.")
        return path


SPACES = Registry(
    "space",
    "nasgym.spaces",
    {
        "digits": "nasgym.spaces.digits:DigitsSpace",
        "nas-bench-macro": "nasgym.spaces.nas_bench_macro:NASBenchMacroSpace",
        "nats-tss": "nasgym.spaces.nats_bench:TopologySpace",
        "nats-sss": "nasgym.spaces.nats_bench:SizeSpace",
        "ofa": "nasgym.spaces.mobile_ofa:OnceForAllSpace",
        "proxylessnas": "nasgym.spaces.mobile_proxylessnas:ProxylessNASSpace",
        "mnasnet": "nasgym.spaces.mobile_mnasnet:MnasNetSpace",
        "mobilenetv3": "nasgym.spaces.mobile_mobilenetv3:MobileNetV3Space",
        "moga": "nasgym.spaces.mobile_moga:MoGASpace",
        "fairnas": "nasgym.spaces.mobile_fairnas:FairNASSpace",
        "tunas": "nasgym.spaces.mobile_tunas:TuNASSpace",
        "nas-rl": "nasgym.spaces.nas_rl:NASRLSpace",
    },
    base="nasgym.spaces.space:SearchSpace",
)

TABLES = TableRegistry("table", "nasgym.tables")

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
    base="nasgym.rewards:RewardRule",
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
        "ofa-evolution": "nasgym.agents.ofa_evolution:OFAEvolution",
    },
    extra="agents",
    base="nasgym.agents.agent:Agent",
)
