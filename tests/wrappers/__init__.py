"""Tests of nasgym.wrappers."""
