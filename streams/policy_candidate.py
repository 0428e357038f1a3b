"""A policy file as a target for off-policy estimates: what of it a log can speak for."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring import Policy
from scoring.errors import EvidenceError
from scoring.offpolicy.target import DRAWING, Target
from scoring.policy_file import checked_numbers, with_numbers
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence
from streams.decision_record import DecisionRecord, decode_decision
from streams.errors import BadFileError, RejectedError


class _ScoresRow(msgspec.Struct):
    recommendation_id: str
    scores: list[float]


class _ProbabilitiesRow(msgspec.Struct):
    recommendation_id: str
    probabilities: list[float]


@dataclass(slots=True)
class Decisions:
    """Files of the decisions topic, one record a line.

    They are read twice, `look` first: 100,000 records are a gigabyte, so only those of the shadow
    that is asked about are held. Records of shadows are no evidence, for nobody saw them.

    The files may have records of other lists, as of other variants, which are no business of this
    log: what made its lists is said by their own records.

    Attributes:
        files: To read.
        lists: Ids of the lists of the log.
        shadow: Its name; None = of none.
        unreadable: ``file:line: reason`` of each line that is no record; its list has then none.
        versions: Policies that made the lists of the log.
        drawings: How they were drawn.
        shadows: Id of the list that was shown -> what the shadow would have drawn from.
        shadow_versions: Policies of the shadow.
    """

    files: Sequence[Path]
    lists: Container[str]
    shadow: str | None = None
    unreadable: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    drawings: set[Drawing] = field(default_factory=set)
    shadows: dict[str, Evidence] = field(default_factory=dict)
    shadow_versions: set[str] = field(default_factory=set)

    def look(self) -> None:
        """See what there is; fills the attributes."""
        for record in self._records(self.unreadable):
            if not record.shadow:
                if record.recommendation_id in self.lists:
                    self.versions.add(_policy(record))
                    self.drawings.add(record.evidence.drawing)
            elif self.shadow is not None and record.variant == self.shadow:
                shown = record.recommendation_id.removesuffix(f"~{self.shadow}")
                if shown not in self.lists:
                    continue
                self.shadows[shown] = _small(record.evidence)
                self.shadow_versions.add(_policy(record))

    def __iter__(self) -> Iterator[Evidence]:
        return (record.evidence for record in self._records([]) if not record.shadow)

    def _records(self, unreadable: list[str]) -> Iterator[DecisionRecord]:
        for file in self.files:
            for number, line in _lines(file):
                try:
                    yield decode_decision(line)
                except RejectedError as error:
                    unreadable.append(f"{file}:{number}: {error}")

    def target(self) -> Target:
        """The shadow, after `look`.

        Raises:
            EvidenceError: There is no record of it.
        """
        if not self.shadows:
            raise EvidenceError(
                f"no record of a shadow {self.shadow!r} beside a list of this log: is it in the "
                "workers' experiment, and are these the records of that time?"
            )
        return Target(shadows=self.shadows)


def _small(evidence: Evidence) -> Evidence:
    """The same for who holds many: 16 bytes a candidate, and not 48."""
    return replace(
        evidence,
        item_ids=tuple(map(sys.intern, evidence.item_ids)),
        scores=array("d", evidence.scores),
        marks=(),
    )


def _policy(record: DecisionRecord) -> str:
    """Version of its numbers; that of tables and rankers stands after it."""
    return (record.policy_version or "").partition("+")[0]


def target_of(
    numbers: Mapping[str, Any],
    where: str,
    base: Policy,
    made_by: set[str],
    scores: Mapping[str, NDArray[np.float64]] | None,
) -> Target:
    """What is asked of the log.

    Args:
        numbers: Of the candidate.
        where: Named in an error.
        base: Policy of the settings.
        made_by: Versions of the policies that made the log. Where that is the base alone, a number
            that is as in the base is no change.
        scores: Of the candidate, list by list; None = those of the log.

    Raises:
        EvidenceError: The candidate changes what no log tells, or its weights are not in scores.
        PolicyError: It is no policy.
    """
    said = checked_numbers(numbers, where)
    with_numbers(base, said, where)
    known = made_by == {base.version}
    drawing = {name: value for name, value in said.items() if name in DRAWING}
    others = [
        name
        for name, value in said.items()
        if name not in DRAWING and not (known and getattr(base, name) == value)
    ]
    weights = [name for name in others if name.startswith("weight_")]
    if rest := [name for name in others if name not in weights]:
        raise EvidenceError(
            f"{where}: {', '.join(rest)} would make other candidates or scores, of which this log "
            "knows nothing: try that as a shadow (--shadow), with users, or in `rillstream policy "
            "replay`"
        )
    if weights and scores is None:
        raise EvidenceError(
            f"{where}: {', '.join(weights)} would give other scores: name a file of them with "
            "--scores"
        )
    return Target(drawing, scores)


def read_scores(file: Path) -> dict[str, NDArray[np.float64]]:
    """Lines of recommendation_id and scores: one number a candidate, in the record's order.

    Raises:
        BadFileError: No such file, or a line that is none.
    """
    return {row.recommendation_id: np.array(row.scores) for row in _rows(file, _ScoresRow)}


def read_probabilities(file: Path) -> dict[str, list[float]]:
    """Lines of recommendation_id and probabilities: one an item, given those above it.

    Raises:
        BadFileError: No such file, or a line that is none.
    """
    return {row.recommendation_id: row.probabilities for row in _rows(file, _ProbabilitiesRow)}


def named_numbers(said: Iterable[str]) -> dict[str, Any]:
    """``name=value``, each name once.

    Raises:
        EvidenceError: It is not that.
    """
    found: dict[str, Any] = {}
    for each in said:
        name, equals, value = each.partition("=")
        if not equals or name in found:
            raise EvidenceError(f"--target {each}: a policy file or name=value, each name once")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def _rows(file: Path, kind: type[Any]) -> Iterator[Any]:
    decoder = msgspec.json.Decoder(kind)
    for number, line in _lines(file):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadFileError(f"{file}:{number}: {error}") from None


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers.

    Raises:
        BadFileError: There is no such file.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.isspace():
                    yield number, line
    except OSError as error:
        raise BadFileError(f"{file}: {error.strerror}") from None
