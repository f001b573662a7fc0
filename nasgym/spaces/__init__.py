"""Search spaces: what can be built."""

from nasgym.spaces.decision import Decision
from nasgym.spaces.space import SearchSpace

__all__ = ["Decision", "SearchSpace"]
