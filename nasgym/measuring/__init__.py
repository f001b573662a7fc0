"""How long networks take on this machine, and what is kept of it."""
