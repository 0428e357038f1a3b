"""What a worker's log says of records that cannot be read."""

from structlog.testing import capture_logs

from streams.dead_letter import dead_letter_record
from streams.outbox import Letter
from streams.put_aside import PutAside


def a_letter(topic: str) -> Letter:
    return Letter(*dead_letter_record(b"{}", topic, 0, 7, b"ann", "the value says 'ann'"))


def test_the_log_counts_them_by_topic_and_tells_nothing_of_users() -> None:
    with capture_logs() as lines:
        PutAside().tell([a_letter("clicks"), a_letter("items"), a_letter("clicks")])
        PutAside().tell([])
    (line,) = lines
    assert (line["log_level"], line["records"]) == ("warning", {"clicks": 2, "items": 1})
    assert "dead-letters list" in line["event"]
    assert "ann" not in str(line)


def test_a_flood_of_them_is_a_line_in_ten_seconds_that_leaves_none_out() -> None:
    now_s = 100.0
    told = PutAside(lambda: now_s)
    with capture_logs() as lines:
        for _ in range(100):
            told.tell([a_letter("clicks")])
            now_s += 0.25
    assert [line["records"]["clicks"] for line in lines] == [1, 40, 40]
