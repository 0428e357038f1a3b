"""Files that tell what another policy would have scored."""

import tracemalloc
from pathlib import Path

import msgspec
import pytest

from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence
from streams.decision_record import DecisionRecord
from streams.errors import BadFileError
from streams.policy_candidate import Decisions, read_scores
from streams.records import encode


@pytest.mark.parametrize("line", [b'{"recommendation_id": "\xff", "scores": [1]}', b"{"])
def test_a_line_that_is_none_is_told_with_its_file(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "scores.jsonl"
    file.write_bytes(b'{"recommendation_id": "r", "scores": [1]}\n\n' + line)
    with pytest.raises(BadFileError, match=r"scores\.jsonl:3: "):
        read_scores(file)


def test_a_candidate_of_a_shadow_is_held_in_few_bytes(tmp_path: Path) -> None:
    """All records of a shadow are held at once: 100,000 lists have 50 million candidates."""
    n_lists, n_candidates = 100, 500
    scores = tuple(place / 7 for place in range(n_candidates))
    of = Evidence(
        recommendation_id="?",
        item_ids=tuple(f"item {place}" for place in range(n_candidates)),
        scores=scores,
        drawing=Drawing(10, "softmax"),
        marks=tuple(range(n_candidates)),
    )
    lines = []
    for number in range(n_lists):
        record = DecisionRecord.of(of, rules={}, user_id="u", at_ms=1, variant="it", shadow=True)
        lines.append(encode(msgspec.structs.replace(record, recommendation_id=f"{number}~it")))
    (tmp_path / "decisions.jsonl").write_bytes(b"\n".join(lines))
    ids = frozenset(map(str, range(n_lists)))
    records = Decisions([tmp_path / "decisions.jsonl"], ids, "it")
    tracemalloc.start()
    try:
        records.look()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / (n_lists * n_candidates) < 24
    assert records.shadows["7"].item_ids == of.item_ids
    assert tuple(records.shadows["7"].scores) == scores
