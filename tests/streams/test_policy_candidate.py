"""Files that tell what another policy would have scored."""

from pathlib import Path

import pytest

from streams.errors import BadFileError
from streams.policy_candidate import read_scores


@pytest.mark.parametrize("line", [b'{"recommendation_id": "\xff", "scores": [1]}', b"{"])
def test_a_line_that_is_none_is_told_with_its_file(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "scores.jsonl"
    file.write_bytes(b'{"recommendation_id": "r", "scores": [1]}\n\n' + line)
    with pytest.raises(BadFileError, match=r"scores\.jsonl:3: "):
        read_scores(file)
