"""Which changes of a member mean that somebody else has its name."""

import pytest
from structlog.testing import capture_logs

from streams.static_member import StaticMember


@pytest.mark.parametrize(
    ("name", "then", "is_said"),
    [
        ("w0", (2, "b"), True),
        ("w0", (2, "a"), False),
        ("w0", (3, "b"), False),
        (None, (2, "b"), False),
    ],
)
def test_another_member_in_the_same_generation_has_the_name(
    name: str | None, then: tuple[int, str], is_said: bool
) -> None:
    member = StaticMember()
    with capture_logs() as said:
        member.joined(name, 2, "a")
        member.joined(name, *then)
    assert bool(said) == is_said
