"""One episode on Digits as a picture.

``--out episode.png`` makes a strip of frames, ``--out episode.gif`` an animation.
"""

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
from PIL import Image

import nasgym  # noqa: F401 - makes the ids known to gymnasium

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("episode.png"))
parser.add_argument("--frames", type=int, default=5, help="number of frames of a strip, the first and the last among them")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

env = gym.make("nasgym/Digits-v0", reward="mnasnet-soft", render_mode="rgb_array")
env.action_space.seed(args.seed)
_, info = env.reset(seed=args.seed)
frames, terminated = [env.render()], False
while not terminated:
    _, reward, terminated, _, info = env.step(env.action_space.sample(mask=info["action_mask"]))
    frames.append(env.render())

if args.out.suffix == ".gif":
    first, *others = map(Image.fromarray, frames)
    first.save(args.out, save_all=True, append_images=others, duration=[700] * len(others) + [3000], loop=0)
else:
    shown = np.linspace(0, len(frames) - 1, args.frames).round().astype(int)
    Image.fromarray(np.concatenate([frames[i] for i in shown])).save(args.out, optimize=True)
print(f"{info['arch']}: reward {reward:.3f}, wrote {args.out}")
