"""How good and how expensive architectures are: accuracy and cost oracles."""
