"""Tests of nasgym.drawing."""
