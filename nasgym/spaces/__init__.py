"""What can be built: search spaces."""

from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.spaces.space import Archs, Decision, Label, Layer, Role, SearchSpace

__all__ = [
    "Archs",
    "Decision",
    "DigitsSpace",
    "Label",
    "Layer",
    "NASBenchMacroSpace",
    "Role",
    "SearchSpace",
    "SizeSpace",
    "TopologySpace",
]
