"""Contestants that need packages of their own: they run in side environments and are asked for one block at a time."""
