"""`Qualities`: what a problem measures, the searched quality and further ones, within range."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nasgym.errors import InvalidValue
from nasgym.oracles.oracle import AccuracyOracle, Measurements, Split
from nasgym.quality import Quality
from nasgym.type_aliases import Archs, Floats, Ints

__all__ = ["Qualities", "split_of"]


class Qualities:
    """The oracles of a problem; whatever they say is compared with its quality's range.

    Args:
        searched: Of the quality that is rewarded.
        further: Of the qualities that are measured with it, by name.

    Attributes:
        named: Every quality by name, the searched one first.
        fidelities: Epochs that all of them can be asked for, ascending.

    Raises:
        InvalidValue: A further one has the name of the searched one, would be trained or drawn on
            its own, or a search would see another split or another length of it.
    """

    def __init__(self, searched: AccuracyOracle, further: Mapping[str, AccuracyOracle] | None = None) -> None:
        self.searched, self._further = searched, dict(further or {})
        self.named: dict[str, Quality] = {searched.quality.name: searched.quality}
        for name, oracle in self._further.items():
            if name in self.named:
                raise InvalidValue(f"further quality {name!r} has the name of the searched one; name it NAME@DATASET.")
            if not oracle.deterministic:
                raise InvalidValue(
                    f"quality {name!r} would be trained or measured a second time for every evaluation; only qualities of a table or of "
                    "a surrogate can be measured with another one."
                )
            for what, theirs, ours in (
                ("split", oracle.search_metric, searched.search_metric),
                ("fidelity", oracle.search_fidelity, searched.search_fidelity),
            ):
                if theirs != ours:
                    raise InvalidValue(
                        f"a search sees {what} {ours!r} of {searched.quality.name!r}, but {theirs!r} of {name!r}."
                    )
            self.named[name] = oracle.quality
        common = set(searched.fidelities).intersection(*(oracle.fidelities for oracle in self._further.values()))
        self.fidelities = tuple(sorted(common))

    @property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprints of the further oracles, by name."""
        return {name: oracle.fingerprint for name, oracle in self._further.items()}

    def measure(self, keys: Archs, fidelity: int, seeds: Ints) -> Measurements:
        """The searched quality; as `AccuracyOracle.measure`.

        Raises:
            DataError: The oracle says a number outside of the quality's range.
        """
        return _checked(self.searched, self.searched.measure(keys, fidelity, seeds), keys)

    def further(self, keys: Archs, fidelity: int, seeds: Ints) -> dict[str, Floats]:
        """``(N,)`` each, the search metric of the further qualities, by name.

        With the same training seeds; where one of them was not trained with a seed, its mean.

        Raises:
            DataError: As `measure`.
        """
        found = {name: _checked(o, o.measure(keys, fidelity, seeds), keys) for name, o in self._further.items()}
        return {name: split_of(measured, self.searched.search_metric) for name, measured in found.items()}

    def means(self, keys: Archs, fidelity: int) -> tuple[Measurements, dict[str, Floats]]:
        """Means over the training seeds: of the searched quality, and the further search metrics.

        Raises:
            DataError: As `measure`.
        """
        found = {name: _checked(o, o.means(keys, fidelity), keys) for name, o in self._further.items()}
        searched = _checked(self.searched, self.searched.means(keys, fidelity), keys)
        return searched, {name: split_of(measured, self.searched.search_metric) for name, measured in found.items()}

    def report(self, keys: Archs) -> tuple[Measurements, dict[str, Floats]]:
        """At full fidelity: the searched quality, and test numbers of the further ones.

        Raises:
            DataError: As `measure`.
        """
        searched = _checked(self.searched, self.searched.report(keys), keys)
        return searched, {name: _checked(o, o.report(keys), keys).test for name, o in self._further.items()}


def split_of(found: Measurements, split: Split) -> Floats:
    """``(N,)`` the numbers of one split."""
    return found.validation if split == "validation" else found.test


def _checked(oracle: AccuracyOracle, found: Measurements, keys: Archs) -> Measurements:
    """What was found; `DataError` where a number lies outside of the oracle's range."""
    if oracle.in_range:
        return found
    for split, values in (("validation", found.validation), ("test", found.test)):
        oracle.quality.check(
            np.asarray(values),
            lambda row, split=split: (  # type: ignore[misc]  # mypy takes the bound name for a second argument
                f"{split} of architecture {oracle.space.to_str(keys[[row]])[0]!r} (row {row}) by oracle {oracle.fingerprint}"
            ),
        )
    return found
