"""How good and how dear: accuracy and cost oracles."""
