"""Reference agents, one algorithm a file; imported as ``nasgym.agents``."""

from nasgym.agents.agent import Agent, AskTellAgent, SearchResult, make_agent
from nasgym.agents.disclosure import Disclosure

__all__ = ["Agent", "AskTellAgent", "Disclosure", "SearchResult", "make_agent"]
