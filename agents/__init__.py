"""Reference agents, one algorithm a file; imported as ``nasgym.agents``."""

from nasgym.agents.agent import Agent, AskTellAgent, SearchResult, make_agent

__all__ = ["Agent", "AskTellAgent", "SearchResult", "make_agent"]
