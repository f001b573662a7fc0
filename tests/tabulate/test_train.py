"""Which trainings are open, and the table that comes of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from nasgym.errors import DataError
from nasgym.ledger.store import Store
from nasgym.networks.digits import digits_plan
from nasgym.spaces.digits import DigitsSpace
from tests.execution.orphans import end, lives, wait_until_gone

pytest.importorskip("torch")
pytest.importorskip("sklearn")


@pytest.fixture
def oracle():
    """Four networks, two seeds, two lengths; nothing is trained here."""
    from nasgym.oracles.accuracy.training import TrainingOracle
    from nasgym.training.images import load_digits_images

    space = DigitsSpace().restrict(
        {"layer[345].op": ["skip"], "layer1.op": ["mbconv"], "layer2.op": ["mbconv"], "*.expansion": [3]}
    )
    return TrainingOracle(space, partial(digits_plan, space), load_digits_images(), fidelities=(1, 2), seeds=(0, 1), pack=3)


def keys_of(trainings):
    return sorted(chain.from_iterable(training.keys() for training in trainings))


def made_up(arch, fidelity, seed):
    """Numbers that differ between networks, lengths and seeds."""
    return 0.1 + 0.01 * float(np.arange(len(arch)) @ arch) + 0.05 * fidelity + 0.001 * seed


def fill(store, oracle, trainings):
    """Records made-up numbers as if they had been trained."""
    for arch, fidelity, seed in keys_of(trainings):
        value = made_up(np.frombuffer(arch, dtype=np.int8), fidelity, seed)
        store.record(oracle.fingerprint, [((arch, fidelity, seed), (value, value / 2, 1.0 * fidelity))])


def test_every_training_is_open_once_and_packed_with_its_like(oracle):
    from nasgym.tabulate.train import open_trainings
    from nasgym.training.packed_modules import pack_key

    trainings = open_trainings(oracle, Store())
    archs = oracle.space.enumerate()
    assert len(archs) == 4
    assert keys_of(trainings) == sorted((arch.tobytes(), f, s) for arch in archs for f in (1, 2) for s in (0, 1))
    for training in trainings:
        assert len(training.archs) <= 3
        assert len({pack_key(oracle.plan_of(arch)) for arch in training.archs}) == 1
    assert [training.fidelity for training in trainings] == sorted((t.fidelity for t in trainings), reverse=True)


def test_what_the_store_holds_is_not_trained_again(oracle):
    from nasgym.tabulate.train import open_trainings

    store = Store()
    first, *rest = open_trainings(oracle, store)
    fill(store, oracle, [first])
    assert keys_of(open_trainings(oracle, store)) == keys_of(rest)
    fill(store, oracle, rest)
    assert open_trainings(oracle, store) == []


def test_the_table_needs_every_training(oracle):
    from nasgym.tabulate.train import assemble_table, open_trainings

    store = Store()
    trainings = open_trainings(oracle, store)
    fill(store, oracle, trainings[:-1])
    with pytest.raises(DataError):
        assemble_table(oracle, store)
    fill(store, oracle, trainings[-1:])
    table = assemble_table(oracle, store)
    assert table.num_rows == 4
    for fidelity in (1, 2):
        wanted = np.array([[made_up(arch, fidelity, seed) for seed in (0, 1)] for arch in oracle.space.enumerate()])
        np.testing.assert_array_equal(table.accuracy["digits", fidelity, "validation"], wanted)
        np.testing.assert_array_equal(table.accuracy["digits", fidelity, "test"], wanted / 2)


def test_a_killed_command_leaves_no_worker(tmp_path):
    command = [sys.executable, "-m", "tests.tabulate.measuring", str(tmp_path / "measurements.sqlite")]
    root = Path(__file__).parents[2]
    pids: list[int] = []
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            pids = [int(word) for word in process.stdout.readline().split()]
            assert len(pids) == 2
            assert all(map(lives, pids))
            process.kill()
            assert process.wait(15.0) == -signal.SIGKILL
            assert wait_until_gone(pids, 15.0) == []
        finally:
            process.kill()
            end(pids)
