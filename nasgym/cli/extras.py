"""Which extra of nasgym brings which package, for the sentence about a missing one."""

from __future__ import annotations

__all__ = ["EXTRAS", "missing"]

# what a missing package is part of
EXTRAS = {
    "matplotlib": "report",
    "jinja2": "report",
    "markupsafe": "report",
    "scipy": "report",
    "torch": "agents",
    "stable_baselines3": "agents",
    "sb3_contrib": "agents",
    "pymoo": "agents",
    "moocore": "agents",
    "sklearn": "train",
    "onnx": "hardware",
    "onnxruntime": "hardware",
    "nats_bench": "nats",
}


def missing(package: str) -> str:
    """The sentence for a package of `EXTRAS` that is not installed."""
    return f"this needs {package}, which is not installed; get it with: pip install 'nasgym[{EXTRAS[package]}]'"
