"""`Record`: what a run measured and was charged for, in memory or in a store, and its replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from nasgym.errors import DataError
from nasgym.ledger.store import Key, Measured, SecondsCharge, Store
from nasgym.oracles.oracle import AccuracyOracle

__all__ = ["Numbers", "Record"]

# validation, test, train seconds
Numbers: TypeAlias = tuple[float, float, float]

DRAWS = "agents must draw from the generator that they are given, and nothing else. Name another output folder."


class Record:
    """Measurements by key, and the charges of one run.

    Args:
        oracle: Whose measurements they are.
        store: Where they are committed; None keeps them in memory.
        run: Name of the run in the store; None where no charges are kept.
        run_spec: What the store keeps beside the run, and compares.
    """

    def __init__(
        self, oracle: AccuracyOracle, store: Store | None, run: str | None, run_spec: Mapping[str, Any] | None
    ) -> None:
        self._oracle, self._store = oracle, store
        self._memory: dict[Key, Measured] = {}
        self._run: int | None = None
        self._replayed: list[int] = []
        self._replayed_seconds: list[SecondsCharge] = []
        self._seconds_done = 0
        if store is not None and run is not None:
            self._run = store.open_run(run, dict(run_spec or {})).id
            self._replayed, self._replayed_seconds = store.charges(self._run), store.seconds(self._run)

    def known(self) -> Mapping[Key, Measured]:
        """What has been measured, by whichever run."""
        return self._memory if self._store is None else self._store.known(self._oracle.fingerprint)

    def look_up(self, keys: Sequence[Key]) -> Mapping[Key, Measured]:
        """As `known`, with what other processes have measured since where one of `keys` is new."""
        known = self.known()
        if self._store is not None and not self._oracle.deterministic and any(key not in known for key in keys):
            # a training takes long: another run may have finished the same one in the meantime
            self._store.catch_up(self._oracle.fingerprint)
        return known

    def commit(self, paid: Sequence[Key], new: Mapping[Key, Numbers], before: int) -> Mapping[Key, Measured]:
        """Keeps new measurements and the charges for them; in a store they are on disk after it.

        Args:
            paid: What is charged for, in this order.
            new: What was measured for it.
            before: Charged evaluations before these.

        Returns:
            As `known`, with the new ones.

        Raises:
            DataError: The run is replayed and proposes something else than it did before.
        """
        if self._store is None:
            for key, numbers in new.items():
                self._memory[key] = Measured(len(self._memory), *numbers)
            return self._memory
        recorded = self._replayed[before : before + len(paid)]
        known = self.known()
        replayed = [known[key].id if key in known else None for key in paid[: len(recorded)]]
        if replayed != recorded:
            raise DataError(
                f"this run proposed something else after {before} evaluations than it did before it was interrupted; {DRAWS}"
            )
        due = self._replayed_seconds[self._seconds_done : self._seconds_done + 1]
        # those that come right after the last recorded evaluation may still follow
        if due and (due[0].after < before + len(recorded) or len(recorded) < len(paid)):
            raise DataError(
                f"this run went on after {before} evaluations without a charge that it made before it was interrupted "
                f"({due[0]}); {DRAWS}"
            )
        fresh = paid[len(recorded) :]
        if new or fresh:
            charges = None if self._run is None else (self._run, before + len(recorded), fresh)
            self._store.record(self._oracle.fingerprint, list(new.items()), charges)
        return known

    def charge_seconds(self, ordinal: int, charge: SecondsCharge) -> float:
        """Keeps seconds that an agent charged; in a store they are on disk after it.

        Args:
            ordinal: Which charge of seconds of the run this is, from 0.
            charge: How many, of which clock, and when.

        Returns:
            The seconds. A replayed run gets those of the first time: a clock never says the same
            twice.

        Raises:
            DataError: The run is replayed and charges something else than it did before.
        """
        if ordinal < len(self._replayed_seconds):
            recorded = self._replayed_seconds[ordinal]
            same = (recorded.after, recorded.clock) == (charge.after, charge.clock)
            if not same or (charge.clock == "simulated" and recorded.seconds != charge.seconds):
                raise DataError(
                    f"this run charged other seconds after {charge.after} evaluations ({charge}) than it did before it was "
                    f"interrupted ({recorded}); {DRAWS}"
                )
            self._seconds_done = ordinal + 1
            return recorded.seconds
        if charge.after < len(self._replayed):
            raise DataError(
                f"this run charged seconds after {charge.after} evaluations ({charge}) where it did not before it was interrupted, "
                f"after {len(self._replayed)}; {DRAWS}"
            )
        if self._store is not None and self._run is not None:
            self._store.charge_seconds(self._run, ordinal, charge)
        return charge.seconds
