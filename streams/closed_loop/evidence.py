"""Of exported decision records, those of one arm's newest policy: what can be evidence for it."""

from __future__ import annotations

from pathlib import Path

from streams.decision_record import decode_decision
from streams.errors import RejectedError


def keep_arm(exported: Path, arm: str, kept: Path) -> int:
    """Write the arm's records of its newest policy, one a line; how many.

    An older policy of the arm drew with other probabilities: a log speaks for one at a time.
    Records that cannot be read and those of shadows are left out.
    """
    lines: dict[str | None, list[bytes]] = {}
    newest: tuple[int, str | None] = (-1, None)
    with exported.open("rb") as file:
        for line in file:
            try:
                record = decode_decision(line)
            except RejectedError:
                continue
            if record.variant != arm or record.shadow:
                continue
            lines.setdefault(record.policy_version, []).append(line)
            if record.at_ms > newest[0]:
                newest = record.at_ms, record.policy_version
    found = lines.get(newest[1], [])
    kept.write_bytes(b"".join(found))
    return len(found)
