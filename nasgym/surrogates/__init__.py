"""Models in the place of training: features of architectures, boosted trees, and their files."""
