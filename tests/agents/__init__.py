"""Tests of nasgym.agents."""
