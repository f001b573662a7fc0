"""How networks are trained: images, schedule, and many small networks side by side.

Every network here has weights of its own. Weights that networks share, and the samplers of their
paths, have their level above this folder: `supernets/` (docs/architecture.md).
"""
