"""Of an exported log, the lists of one arm's newest policy: what can be evidence for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from streams.decision_record import decode_decision
from streams.errors import RejectedError


class _Row(msgspec.Struct):
    recommendation_id: str


def keep_arm(exported: Path, arm: str, into: Path) -> tuple[int, Sequence[Path]]:
    """Write the arm's records of its newest policy, and the rows of their lists.

    An older policy of the arm drew with other probabilities: a log speaks for one at a time.
    Records that cannot be read and those of shadows are left out; so are lists of other arms, which
    a log that is asked about this one must not have.

    Args:
        exported: Folder of `rillstream export --format jsonl --decisions`.
        arm: Name of a variant.
        into: Folder for decisions.jsonl and files of rows.

    Returns:
        How many records, and the files of rows that have any.
    """
    newest = (-1, "")
    ids: dict[str, set[str]] = {}
    lines: dict[str, list[bytes]] = {}
    with (exported / "decisions.jsonl").open("rb") as file:
        for line in file:
            try:
                record = decode_decision(line)
            except RejectedError:
                continue
            if record.variant != arm or record.shadow:
                continue
            version = record.policy_version or ""
            lines.setdefault(version, []).append(line)
            ids.setdefault(version, set()).add(record.recommendation_id)
            newest = max(newest, (record.at_ms, version))
    version = newest[1]
    (into / "decisions.jsonl").write_bytes(b"".join(lines.get(version, ())))
    own = ids.get(version, set())
    decoder, kept = msgspec.json.Decoder(_Row), []
    for path in sorted(set(exported.glob("*.jsonl")) - {exported / "decisions.jsonl"}):
        with path.open("rb") as file:
            rows = [line for line in file if decoder.decode(line).recommendation_id in own]
        if rows:
            (into / path.name).write_bytes(b"".join(rows))
            kept.append(into / path.name)
    return len(own), kept
