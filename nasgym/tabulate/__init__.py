"""Tables of our own: every network of a space trained, timed, and judged."""
