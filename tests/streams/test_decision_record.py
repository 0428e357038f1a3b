"""decisions topic: a record is read back, and the list of a step is drawn again from it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from scoring import Policy, Recommender, Rules, read_rules
from scoring.rules.rule_file import MAX_FLOORS
from scoring.slates.beliefs import Beliefs
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import replay
from scoring.slates.last_layer import LastLayer
from streams.decision_record import (
    CapRecord,
    DecisionRecord,
    DrawingRecord,
    FloorRecord,
    decode_decision,
)
from streams.errors import RejectedError, SettingsError
from streams.outputs import decode_recommendation
from streams.policy_file import policy_of
from streams.records import encode
from streams.settings import load_settings
from tests.scoring.shop import item, open_shop
from tests.streams.test_step import CLAIM, Rows, a_step, click, run_of

RULES = {
    "caps": {"category": 2},
    "floors": {"tail": 0.9},
    "pins": [{"item": "i5", "position": 2}],
    "price": {"max": 20},
}


SOFTMAX = DrawingRecord(**asdict(Drawing(3, "softmax")))
THOMPSON = DrawingRecord(**asdict(Drawing(3, "thompson")))
LEARNED = LastLayer.around(np.array([1.2, 0.8, 1.0, 0.5, 1.0, 1.0]), 0.1).beliefs


@pytest.mark.parametrize(
    ("draw", "beliefs"),
    [("best", None), ("softmax", None), ("thompson", None), ("thompson", LEARNED)],
)
def test_the_published_list_is_drawn_again_from_the_record_of_its_decision(
    tmp_path: Path, draw: str, beliefs: Beliefs | None
) -> None:
    rng = np.random.default_rng(3)
    items = [item(f"i{n}", category="abc"[n % 3], price=float(n)) for n in range(25)]
    vectors = rng.normal(size=(25, 6)).astype(np.float32) + 0.5
    shop = open_shop(tmp_path, items, vectors, rng.pareto(1, 25).tolist())
    ranking = Recommender(
        shop,
        None,
        policy=Policy(
            slate_size=5,
            draw=draw,
            beliefs=beliefs,
            temperature=0.3,
            epsilon=0.05,
            diversity="mmr",
            just_seen_window_ms=0.0,
        ),
        rules=msgspec.convert(RULES, Rules),
        keeps_evidence=True,
    )
    rows = Rows()
    step = a_step(rows, ranking, decisions="decisions")
    events = [click(f"e{n}", f"u{n % 2}", f"i{n}") for n in range(8)]
    outbox = step([run_of(*events)], CLAIM)
    lists = [decode_recommendation(sent["value"]) for sent in outbox.messages["lists"]]
    records = [decode_decision(sent["value"]) for sent in outbox.messages["decisions"]]
    for published, record in zip(lists, records, strict=True):
        assert record.recommendation_id == published.recommendation_id
        assert record.rules_version == published.rules_version == ranking.rules_version
        again = replay(record.evidence, shop.gather(shop.catalogue.positions(record.item_ids)))
        assert list(again.item_ids) == [found.item_id for found in published.items]
        assert list(again.propensities) == [found.propensity for found in published.items]
        assert list(record.shown_items) == [found.item_id for found in published.items]
        assert list(record.shown_propensities) == [found.propensity for found in published.items]
        assert record.event_at_ms == published.trigger.at_ms
        assert record.rules["pin"] == 1
        assert record.drawing.beliefs == beliefs
        assert (b'"beliefs"' in encode(record)) == (beliefs is not None)
        assert published.items[1].reason == "our pick"
        assert decode_decision(encode(record)) == record
    assert len({record.row_digest for record in records}) == 8
    n_pins = step._metrics.registry.get_sample_value(
        "rillstream_rule_effects_total", {"rule": "pin"}
    )
    assert n_pins == 8
    assert (
        step._metrics.registry.get_sample_value("rillstream_rule_effects_total", {"rule": "price"})
        or 0
    ) > 0


def test_a_list_under_as_many_floors_as_a_file_may_have_has_a_record_that_is_read(
    tmp_path: Path,
) -> None:
    names = [f"{n:02}" + "c" * 238 for n in range(MAX_FLOORS)]
    items = [item(f"i{n}", category=name) for n, name in enumerate(names)]
    shop = open_shop(tmp_path / "i", items, np.eye(MAX_FLOORS, dtype=np.float32))
    file = tmp_path / "rules.toml"
    file.write_text("[floors.categories]\n" + "".join(f"{name} = 0.02\n" for name in names))
    policy = Policy(slate_size=MAX_FLOORS, candidates=MAX_FLOORS, just_seen_window_ms=0)
    ranking = Recommender(shop, None, policy=policy, rules=read_rules(file), keeps_evidence=True)
    step = a_step(Rows(), ranking, decisions="decisions")
    (sent,) = step([run_of(click("e", item="i0"))], CLAIM).messages["decisions"]
    record = decode_decision(sent["value"])
    assert [each.name for each in record.floors] == [f"category_floor:{name}" for name in names]
    assert len(record.shown_items) == MAX_FLOORS


def test_no_decisions_are_recorded_unless_asked_for() -> None:
    from tests.streams.test_step import OneItem

    outbox = a_step(Rows(), OneItem(), decisions="decisions")([run_of(click("a"))], CLAIM)
    assert list(outbox.messages) == ["lists"]


def test_what_is_no_record_is_refused() -> None:
    with pytest.raises(RejectedError):
        decode_decision(b'{"recommendation_id": "r"}')
    drawing = DrawingRecord(**asdict(Drawing(3, "thompson", beliefs=Beliefs((1.0,), ((-1.0,),)))))
    record = DecisionRecord(
        recommendation_id="r", user_id="u", at_ms=1, item_ids=(), scores=(), drawing=drawing
    )
    with pytest.raises(RejectedError, match="positive definite"):
        decode_decision(encode(record))


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"scores": (1.0,)}, "2 item_ids, and scores"),
        ({"caps": (CapRecord(name="c", groups=(0, 0), limits=(1,)),)}, "scores or caps of others"),
        ({"marks": (1,)}, "marks or pins of others"),
        ({"pins": (0,)}, "2 item_ids and 3 ranks"),
        ({"pins": (-1, 2, -1)}, "a place that 2 item_ids do not have"),
        ({"floors": (FloorRecord(name="f", share=0.5, members=(2,)),)}, "a place that 2 item_ids"),
        ({"floors": (FloorRecord(name="f", share=0.5, members=(-1,)),)}, "a place that 2 item_ids"),
        ({"drawing": THOMPSON}, "features are missing"),
        ({"drawing": THOMPSON, "features": ((1.0,), (1.0, 2.0))}, "of several widths"),
        (
            {"drawing": replace(THOMPSON, beliefs=LEARNED), "features": ((1.0,), (1.0,))},
            "are of 1 and 6 terms",
        ),
    ],
)
def test_columns_that_draw_no_list_are_no_record(columns: dict[str, Any], why: str) -> None:
    """Whoever replays a file of them reads on, and says which line it was."""
    record = DecisionRecord(
        recommendation_id="r",
        user_id="u",
        at_ms=1,
        item_ids=("a", "b"),
        scores=(1.0, 0.5),
        drawing=SOFTMAX,
        pins=(-1, 1, -1),
    )
    assert len(replay(decode_decision(encode(record)).evidence).item_ids) == 2
    with pytest.raises(RejectedError, match=why):
        decode_decision(encode(replace(record, **columns)))


def test_settings_make_the_policy_and_bound_what_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(draw="softmax", epsilon=0.1, diversity="dpp", brand_cap=3, title_cap=1)
    policy = policy_of(settings)
    assert policy.title_cap == 1
    assert (policy.draw, policy.epsilon, policy.diversity, policy.brand_cap) == (
        "softmax",
        0.1,
        "dpp",
        3,
    )
    with pytest.raises(SettingsError, match="candidates=1500 is above 1000"):
        load_settings(publish_decisions=True, candidates=1500)
