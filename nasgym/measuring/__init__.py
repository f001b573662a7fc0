"""How long networks take on this machine, and what is kept of it.

`measure` times with onnxruntime. Another runtime has its place in `runtimes/`, one file each, on
the rounds and statistics of `measure` (docs/architecture.md).
"""
