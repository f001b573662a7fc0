"""How it is built: plans and their readers."""
