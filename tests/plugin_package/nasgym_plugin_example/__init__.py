"""A table, a reward rule and an agent for nasgym."""
