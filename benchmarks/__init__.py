"""Scripts that make the numbers in the documents."""
