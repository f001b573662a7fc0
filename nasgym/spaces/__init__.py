"""What can be built: search spaces."""

from nasgym.spaces.digits import DigitsSpace
from nasgym.spaces.mobile_fairnas import FairNASSpace
from nasgym.spaces.mobile_mnasnet import MnasNetSpace
from nasgym.spaces.mobile_mobilenetv3 import MobileNetV3Space
from nasgym.spaces.mobile_moga import MoGASpace
from nasgym.spaces.mobile_proxylessnas import ProxylessNASSpace
from nasgym.spaces.mobile_tunas import TuNASSpace
from nasgym.spaces.nas_bench_macro import NASBenchMacroSpace
from nasgym.spaces.nats_bench import SizeSpace, TopologySpace
from nasgym.spaces.space import Decision, Label, Layer, Role, SearchSpace

__all__ = [
    "Decision",
    "DigitsSpace",
    "FairNASSpace",
    "Label",
    "Layer",
    "MnasNetSpace",
    "MoGASpace",
    "MobileNetV3Space",
    "NASBenchMacroSpace",
    "ProxylessNASSpace",
    "Role",
    "SearchSpace",
    "SizeSpace",
    "TopologySpace",
    "TuNASSpace",
]
