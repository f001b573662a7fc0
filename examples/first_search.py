"""Ten lines: an environment, a random episode, and a search under a budget."""

import gymnasium as gym

import nasgym
from nasgym.agents import make_agent

env = gym.make("nasgym/Digits-v0", reward="mnasnet-soft")
observation, info = env.reset(seed=0)
terminated = False
while not terminated:
    action = env.action_space.sample(mask=info["action_mask"])
    observation, reward, terminated, truncated, info = env.step(action)
print(f"a random network: {info['arch']}, accuracy {info['accuracy']:.1%}, {info['macs']:,.0f} MACs, reward {reward:.3f}")

problem = nasgym.make_problem("nasgym/Digits-v0")
result = make_agent("layernas").search(problem, budget=100, seed=0)
print(f"LayerNAS after {len(result.history)} evaluations: {problem.space.to_str(result.best_arch[None])[0]}")
print(
    f"test accuracy {problem.report(result.best_arch[None]).test_accuracy[0]:.1%}, regret {problem.optimum().reward - result.best_reward:.4f}"
)
