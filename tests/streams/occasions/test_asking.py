"""Asking a past: the counts of the shop are those of the moment, and never of what came later."""

from pathlib import Path

import pytest

from scoring import Policy
from streams.occasions import asking
from streams.occasions.asking import Hindsight
from streams.occasions.reading import DAY_MS, Span, read_past
from tests.scoring.shop import item, open_shop
from tests.streams.occasions.test_reading import T, event

POPULAR = Policy(slate_size=1, weight_popularity=1.0, weight_repeat=0.0)


def test_each_list_is_made_from_the_counts_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_BATCH", 1)
    lines = [event(n, f"a{n}", "purchase", "i1", T - DAY_MS + n) for n in range(300)]
    lines.append(event(999, "ann", "view", "i5", T + 5))
    lines += [event(1000 + n, f"b{n}", "purchase", "i2", T + 10 + n) for n in range(400)]
    lines.append(event(2000, "eve", "view", "i5", T + 10_000))
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines) + "\n")
    span = Span(T, T + DAY_MS)
    past = read_past([file], span, lambda _: (None, None, None), counts=True)
    assert len(past.counted) == 702
    shop = open_shop(tmp_path, [item(f"i{n}") for n in range(6)], [[1.0, n] for n in range(6)])
    views = [each for each in past.occasions if "clicks" in each.wanted]
    assert [each.request.user_id for each in views] == ["ann", "eve"]
    found = Hindsight(shop, views, counted=past.counted).ask(POPULAR)
    assert found.counts.tolist() == [0, 1, 1, 0, 0, 0], "i1 sold best first, then i2"
    without = Hindsight(shop, views).ask(POPULAR)
    assert without.counts.tolist() == [2, 0, 0, 0, 0, 0]
