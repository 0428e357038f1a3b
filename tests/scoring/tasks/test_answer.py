"""Questions find their answers, also while both are said in other words."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from scoring.augmentation.changes import Changes
from scoring.augmentation.settings import Augmentation
from scoring.tasks.answer import Answer
from scoring.tasks.contract import Example
from scoring.training.recipe import AnswerSettings
from scoring.training.rows import Fields


def loss(task: Answer, rows: list[Example]) -> float:
    """Over vectors that do not depend on the words."""
    vectors = torch.randn(2, len(rows), 8, generator=torch.Generator().manual_seed(0))
    return float(task.loss(nn.Identity(), tuple(vectors), rows))


def test_a_frequent_answer_is_let_off_in_other_words_too() -> None:
    """How often an answer is drawn is counted of the rows as they are, whatever becomes of them."""
    task = Answer(AnswerSettings(train=["rows.jsonl"], log_q=True))
    answers = ["yes it does", "yes it does", "yes it does", "no it has none"]
    found = [
        task.example(Fields({"question": f"does number {n} fit", "answer": answer}, {}))
        for n, answer in enumerate(answers)
    ]
    task.learn_facts(found)
    asked = found[2:]  # one answer that three rows have, and one that is alone
    changes = Changes(Augmentation(share=1.0, delete=0.5), {}, {}, seed=0)
    steps = [changes.rows("answer", asked, step) for step in range(20)]
    assert any(one != other for one, other in pairwise(steps))
    plain = loss(task, asked)
    apart = [
        (one, other)
        for one, other in steps
        if one.texts[0] != other.texts[0] and one.texts[1] != other.texts[1]
    ]
    assert [loss(task, list(rows)) for rows in apart] == [pytest.approx(plain)] * len(apart)


def test_another_right_answer_is_not_ahead_of_the_own_one() -> None:
    """Three questions share an answer; the last one, which has two answers, prefers a wrong one."""
    task = Answer(AnswerSettings(train=["rows.jsonl"]))
    said = [("a", "yes"), ("b", "yes"), ("c", "yes"), ("d", "no"), ("d", "never")]
    rows = [Example(texts, texts[1]) for texts in said]
    answers = {"yes": [1.0, 0.0, 0.0], "no": [0.0, 0.6, 0.8], "never": [0.0, 1.0, 0.0]}
    questions = {"a": answers["yes"], "b": answers["yes"], "c": [0.1, 1.0, 0.0], "d": [1, 1.0, 0.0]}
    vectors = (
        torch.tensor([questions[row.texts[0]] for row in rows]),
        torch.tensor([answers[row.texts[1]] for row in rows]),
    )
    # "c" finds "never" and "no" first; "d" finds "yes" before "no", and beside "never".
    right = [1, 1, 1 / 3, 1 / 2, 1 / 1.5]
    found = task.measures(nn.Identity(), vectors, rows)
    assert found == {"mrr": pytest.approx(sum(right) / 5)}
    losses = task.row_losses(nn.Identity(), vectors, rows)
    assert losses.tolist() == pytest.approx([1 - rank for rank in right])
