"""Comparing agents: runs, statistics, plots, report."""
