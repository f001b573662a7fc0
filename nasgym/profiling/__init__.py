"""Latencies of this machine: blocks and whole networks measured with onnxruntime, kits for other machines."""
