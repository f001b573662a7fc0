"""How networks are built: plans and their readers."""
