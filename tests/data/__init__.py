"""Tests of nasgym.data."""
