"""Accuracy oracles: how good architectures are."""
