"""Pickles from elsewhere, read without running what they name."""
