"""Wrappers that put an environment into the form another library expects.

```python
from nasgym.wrappers import MaskInObservation, SB3VecEnv, VectorMaskInObservation
```

`SB3VecEnv` needs Stable-Baselines3, from the extra ``nasgym[agents]``; it is loaded when it is
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasgym.errors import MissingPackage
from nasgym.wrappers.mask_in_observation import MaskInObservation, VectorMaskInObservation

if TYPE_CHECKING:
    from nasgym.wrappers.sb3_vec_env import SB3VecEnv

__all__ = ["MaskInObservation", "SB3VecEnv", "VectorMaskInObservation"]


def __getattr__(name: str) -> Any:
    if name != "SB3VecEnv":
        raise AttributeError(f"module 'nasgym.wrappers' has no attribute {name!r}; it has {', '.join(__all__)}")
    try:
        from nasgym.wrappers.sb3_vec_env import SB3VecEnv
    except ModuleNotFoundError as error:
        package = (error.name or "nasgym").partition(".")[0]
        if package == "nasgym":  # a mistake of ours, not a missing package
            raise
        raise MissingPackage(
            f"SB3VecEnv needs the package {package!r}, which is not installed: pip install 'nasgym[agents]'."
        ) from error
    return SB3VecEnv
