"""Tests of nasgym."""
