"""What differs between two settings is said, and nothing else."""

import json

from scoring.training.differing import differing


def test_only_fields_that_differ_are_named() -> None:
    before = {"name": "shop", "backbone": {"precision": "bfloat16", "lora": {"rank": 4}}, "fgm": 0}
    after = {"name": "shop", "backbone": {"precision": "auto", "lora": {"rank": 8}}, "fgm": 0}
    assert differing(json.dumps(before), json.dumps(after)) == (
        'backbone.precision: "bfloat16", now "auto"; backbone.lora.rank: 4, now 8'
    )


def test_fields_that_came_or_went_are_none() -> None:
    assert differing('{"a": 1, "b": [2]}', '{"a": 1, "c": {"d": 3}}') == (
        'b: [2], now none; c: none, now {"d":3}'
    )


def test_what_is_no_object_is_said_as_it_is() -> None:
    assert differing("17", "18") == "17, now 18"
    assert differing(None, "bert-1") == "None, now bert-1"
