"""Of an exported log, the lists of one arm: to learn from, and as evidence for its shadow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from streams.decision_record import decode_decision
from streams.errors import RejectedError


class _Row(msgspec.Struct):
    recommendation_id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What was written.

    Attributes:
        rows: File of the joined rows; None = no list of the arm was shown and closed.
        decisions: File of the records of these lists, and of the shadow's beside them.
    """

    rows: Path | None
    decisions: Path


def keep_arm(exported: Path, arm: str, shadow: str, into: Path) -> Kept:
    """Write an arm's lists beside which the newest policy of the shadow was scored.

    An older policy of the shadow is another candidate. Records that cannot be read are left out; so
    are lists of other arms, which a log that is asked about this one must not have.

    Args:
        exported: Folder of `rillstream export --format jsonl --with-decisions`.
        arm: Name of a variant.
        shadow: Name of the shadow beside it.
        into: Folder for rows.jsonl and decisions.jsonl.
    """
    shown: dict[str, bytes] = {}
    shadows: dict[str, dict[str, bytes]] = {}
    newest = (-1, "")
    with (exported / "decisions.jsonl").open("rb") as file:
        for line in file:
            try:
                record = decode_decision(line)
            except RejectedError:
                continue
            if record.variant == arm and not record.shadow:
                shown[record.recommendation_id] = line
            elif record.variant == shadow and record.shadow:
                version = record.policy_version or ""
                beside = record.recommendation_id.removesuffix(f"~{shadow}")
                shadows.setdefault(version, {})[beside] = line
                newest = max(newest, (record.at_ms, version))
    of_newest = shadows.get(newest[1], {})
    both = shown.keys() & of_newest.keys()
    decisions, rows = into / "decisions.jsonl", into / "rows.jsonl"
    with decisions.open("wb") as target:
        target.writelines(shown[name] + of_newest[name] for name in shown if name in both)
    decoder, joined, n_rows = msgspec.json.Decoder(_Row), exported / "joined.jsonl", 0
    if joined.exists():
        with joined.open("rb") as source, rows.open("wb") as target:
            for line in source:
                if decoder.decode(line).recommendation_id in both:
                    target.write(line)
                    n_rows += 1
    return Kept(rows if n_rows else None, decisions)
