"""Contestants that need packages of their own.

They run in side environments and are asked for one block at a time.
"""
