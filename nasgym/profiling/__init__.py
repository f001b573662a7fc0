"""Blocks and whole networks measured here with onnxruntime, and kits for other machines."""
