"""`LSTMPolicy`: one LSTM cell that makes the decisions of an architecture one after the other."""

from __future__ import annotations

import numpy as np

from nasgym.agents.common.adam import Adam
from nasgym.agents.common.feasible import Mask
from nasgym.agents.common.policy_gradient import loss_by_logits
from nasgym.spaces.space import SearchSpace
from nasgym.type_aliases import Archs, Floats

__all__ = ["LSTMPolicy"]

# weights begin uniform in [-0.1, 0.1] as in NASNet (remembered), so that the first architectures
# are nearly uniform draws
SPREAD = 0.1


class LSTMPolicy:
    """One LSTM cell over the decisions; all architectures of a batch are drawn in lock-step.

    Each step reads the choice of the step before, embedded by its position, and the state; a linear
    head of the position gives the logits. The batches are small (10 architectures, 64 units), so
    that a library of tensors spends most of the time on its calls: forward pass and backpropagation
    through time are written down here, and are torch's (`tests/agents/common/test_lstm_policy.py`).
    They are in double precision, so that a search hardly depends on how a processor sums up.

    Args:
        space: What is drawn.
        rng: Draws the weights and the architectures.
        hidden: Units of the cell.
        learning_rate: Of Adam.
        entropy_weight: What a nat of the policy's entropy is worth, in advantages.
        mask: Which choices a decision may take (`masker`); the space's own where it is not given.
    """

    def __init__(
        self,
        space: SearchSpace,
        rng: np.random.Generator,
        *,
        hidden: int,
        learning_rate: float,
        entropy_weight: float,
        mask: Mask | None = None,
    ) -> None:
        self._space, self._rng, self._hidden, self._entropy_weight = space, rng, hidden, entropy_weight
        self._mask = space.mask if mask is None else mask
        decisions, choices = space.num_decisions, space.max_choices
        # the embedding has a row for each choice of each decision, and the first one for the start;
        # the gates are in the order of torch: input, forget, cell, output
        gates = 4 * hidden
        self._shapes = (
            (1 + decisions * choices, hidden),
            (decisions, hidden, choices),
            (gates, hidden),
            (gates, hidden),
            (2, gates),
        )
        self.weights = _uniform(int(rng.integers(2**63)), sum(int(np.prod(shape)) for shape in self._shapes))
        self._parts, self._gradient = self._split(self.weights), np.zeros_like(self.weights)
        self._gradients = self._split(self._gradient)
        self._adam = Adam(self.weights, learning_rate)
        # a sigmoid is half of 1 + tanh(x / 2): one call for all gates, of which the third is a tanh
        self._slope = np.full(gates, 0.5)
        self._slope[2 * hidden : 3 * hidden] = 1.0
        self._shift = 1.0 - self._slope

    def _split(self, flat: Floats) -> list[Floats]:
        """Views of one long array: embedding, heads, input, recurrence, two rows of biases."""
        ends = np.cumsum([np.prod(shape) for shape in self._shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self._shapes, strict=True)]

    def _by_gate(self, gates: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Views of the four gates: input, forget, cell, output."""
        one, two, three = self._hidden, 2 * self._hidden, 3 * self._hidden
        return gates[..., :one], gates[..., one:two], gates[..., two:three], gates[..., three:]

    def sample(self, n: int) -> Archs:
        """``(n, D)`` architectures; what `update` needs of them is kept."""
        space, hidden = self._space, self._hidden
        embedding, heads, inputs, recurrence, biases = self._parts
        steps, choices = space.num_decisions, space.max_choices
        archs = np.full((n, steps), -1, dtype=np.int8)
        noise = self._rng.gumbel(size=(steps, n, choices))
        # of each step: what is read, the state before and after it, the gates, the logits
        self._read = np.empty((steps, n, hidden))
        self._states, self._cells = np.zeros((steps + 1, n, hidden)), np.zeros((steps + 1, n, hidden))
        self._gates, self._logits = np.empty((steps, n, 4 * hidden)), np.empty((steps, n, choices))
        from_input, from_state, bias = inputs.T, recurrence.T, biases.sum(axis=0)
        rows = np.zeros(n, dtype=np.int64)
        for t in range(steps):
            embedding.take(rows, axis=0, out=self._read[t], mode="clip")
            gates = self._read[t] @ from_input
            gates += self._states[t] @ from_state
            gates += bias
            gates *= self._slope
            np.tanh(gates, out=gates)
            gates *= self._slope
            gates += self._shift
            self._gates[t] = gates
            take, keep, new, show = self._by_gate(gates)
            np.add(keep * self._cells[t], take * new, out=self._cells[t + 1])
            np.multiply(show, np.tanh(self._cells[t + 1]), out=self._states[t + 1])
            self._logits[t] = np.where(self._mask(archs, t), self._states[t + 1] @ heads[t], -np.inf)
            # the largest of logits with Gumbel noise is a draw from their softmax
            drawn = (self._logits[t] + noise[t]).argmax(axis=1)
            archs[:, t] = drawn
            rows = 1 + t * choices + drawn
        self._chosen = np.arange(choices) == archs.T[:, :, None]
        return archs

    def gradient(self, advantages: Floats) -> Floats:
        """Derivative of the loss by `weights`, for the last sample and its ``(n,)`` advantages."""
        hidden, (steps, n, choices) = self._hidden, self._logits.shape
        _, heads, inputs, recurrence, _ = self._parts
        by_embedding, by_heads, by_inputs, by_recurrence, by_biases = self._gradients
        by_logits = loss_by_logits(self._logits, self._chosen, advantages[:, None] / n, self._entropy_weight / n)
        np.matmul(self._states[1:].transpose(0, 2, 1), by_logits, out=by_heads)
        by_states = by_logits @ heads.transpose(0, 2, 1)
        shown = np.tanh(self._cells[1:])
        # derivatives of the gates by what goes into them, and of what is shown by the cell
        gates = self._gates
        _, _, new, show = self._by_gate(gates)
        bent = gates * (1.0 - gates)
        bent[..., 2 * hidden : 3 * hidden] = 1.0 - new**2
        by_shown = show * (1.0 - shown**2)
        by_gates = np.empty_like(gates)
        by_state, by_cell = np.zeros((n, hidden)), np.zeros((n, hidden))
        for t in reversed(range(steps)):
            take, keep, new, _ = self._by_gate(gates[t])
            to_take, to_keep, to_new, to_show = self._by_gate(by_gates[t])
            by_state += by_states[t]
            by_cell += by_state * by_shown[t]
            np.multiply(by_cell, new, out=to_take)
            np.multiply(by_cell, self._cells[t], out=to_keep)
            np.multiply(by_cell, take, out=to_new)
            np.multiply(by_state, shown[t], out=to_show)
            by_gates[t] *= bent[t]
            by_state = by_gates[t] @ recurrence
            by_cell *= keep
        flat = by_gates.reshape(steps * n, -1)
        np.matmul(flat.T, self._read.reshape(steps * n, -1), out=by_inputs)
        np.matmul(flat.T, self._states[:-1].reshape(steps * n, -1), out=by_recurrence)
        by_biases[:] = flat.sum(axis=0)
        by_read = (flat @ inputs).reshape(steps, n, hidden)
        by_embedding[0] = by_read[0].sum(axis=0)
        # nothing reads the last choice
        read = by_embedding[1 : 1 + (steps - 1) * choices].reshape(steps - 1, choices, hidden)
        np.matmul(self._chosen[:-1].transpose(0, 2, 1), by_read[1:], out=read)
        return self._gradient

    def update(self, advantages: Floats) -> None:
        """One step of Adam, given the ``(n,)`` advantages of the last sample."""
        self._adam.step(self.gradient(advantages))


def _uniform(seed: int, size: int) -> Floats:
    """``(size,)`` numbers in [-`SPREAD`, `SPREAD`].

    They are those that torch's generator draws from this seed, up to its rounding: with torch this
    controller began, and its searches stay what they were.
    """
    drawn = np.random.RandomState(seed % 2**32).randint(2**24, size=size, dtype=np.uint32)
    return np.asarray((drawn * 2.0**-23 - 1.0) * SPREAD)
