"""How networks are trained: the images, and many small networks side by side."""
