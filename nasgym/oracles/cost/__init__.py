"""Cost oracles: what architectures cost."""
