"""Tests of nasgym.networks."""
