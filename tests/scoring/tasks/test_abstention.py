"""When a head abstains that had no validation rows to learn it from."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scoring.fusion.heads import FusedClasses
from scoring.heads.classes import Classes
from scoring.heads.cosine_classes import CosineClasses
from scoring.tasks.classification import Classification
from scoring.tasks.contract import Example
from scoring.training.recipe import ClassificationSettings
from scoring.training.worn import without_words
from scoring.words.heads import WordClasses


def test_a_row_is_as_near_as_if_its_mean_had_never_seen_it() -> None:
    head = CosineClasses(2, 2)
    vectors = torch.tensor([[3.0, 0], [0, 1], [0, -2]])
    labels = torch.tensor([0, 0, 1])
    head.calibrate(vectors, labels)
    half = 0.5**0.5
    torch.testing.assert_close(head.nearness(vectors), torch.tensor([half, half, 1.0]))
    # Rows 0 and 1 have nothing in common; without itself, row 2's label is nothing at all.
    found = head.nearness_left_out(vectors, vectors, labels)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 0.0]))
    asked = torch.tensor([[0.0, 1], [1, 1], [-1, 0]])
    found = head.nearness_left_out(asked, vectors, labels)
    torch.testing.assert_close(found, torch.tensor([1.0, half, 0.0]))


def some(centres: Tensor, n: int, draw: torch.Generator) -> tuple[Tensor, list[Example]]:
    """So many rows a label: (n C, 32) vectors around their centres."""
    labels = torch.arange(len(centres)).repeat(n)
    noise = 0.6 * torch.randn(len(labels), 32, generator=draw)
    return centres[labels] + noise, [Example(("a text",), str(label)) for label in labels.tolist()]


def test_few_rows_without_validation_abstain_from_as_many_new_texts_as_asked() -> None:
    """Four rows a label lie nearer to their own mean than any new one will."""
    draw = torch.Generator().manual_seed(3)
    centres = torch.randn(9, 32, generator=draw)
    task = Classification(ClassificationSettings(train=[], abstain=0.05))
    (vectors, rows), (new, new_rows) = some(centres, 4, draw), some(centres, 200, draw)
    task.learn_facts(rows)
    head = task.make_head(32)
    task.begin(head, (vectors,), rows)
    task.calibrate(head, ((vectors,), rows), None, (vectors,))
    found = task.measures(head, (new,), new_rows)
    assert found["abstained"] == pytest.approx(0.05, abs=0.05)
    assert isinstance(head, CosineClasses)
    naive = head.nearness(vectors).quantile(0.05)
    assert (head.nearness(new) < naive).float().mean() > 0.2
    assert 0 < float(head.temperature) != 1


def test_rows_of_labels_that_were_not_learned_have_no_loss() -> None:
    """Also where they are all: what compares two models asks both of nothing."""
    task = Classification(ClassificationSettings(train=[]))
    task.learn_facts([Example(("a text",), "red"), Example(("a text",), "blue")])
    head, rows = task.make_head(4), [Example(("a text",), "pink")] * 3
    assert task.row_losses(head, (torch.ones(3, 4),), rows).shape == (0,)
    known = [*rows, Example(("a text",), "red")]
    assert task.row_losses(head, (torch.ones(4, 4),), known).shape == (1,)


@pytest.mark.parametrize(
    ("head", "own"),
    [
        (CosineClasses(2, 2), {"cosine"}),
        (WordClasses(2, 2), set()),
        (FusedClasses([WordClasses(2, 2)], [1.0], [2]), {"fused"}),
    ],
)
def test_what_tells_unlearned_labels_is_called_what_it_is(head: Classes, own: set[str]) -> None:
    """By words a head is as near as the largest probability says: nothing there is a cosine."""
    task = Classification(ClassificationSettings(train=[]))
    task.learn_facts([Example(("a text",), "red"), Example(("a text",), "blue")])
    rows = [Example(("a text",), label) for label in ("red", "blue", "pink")]
    found = task.measures(head, (torch.tensor([[1.0, 0], [0, 1], [0.5, 0.5]]),), rows)
    told = {name.removeprefix("auroc_unknown_") for name in found if name.startswith("auroc")}
    assert told == {"softmax", "margin", "energy"} | own


def test_a_worn_text_has_lost_a_share_of_its_words() -> None:
    text = " ".join(f"word{n}" for n in range(2_000))
    worn = without_words(Example((text, "alone"), "label"), 0.1)
    kept = worn.texts[0].split()
    assert len(kept) == pytest.approx(1_800, abs=60)
    assert [word for word in text.split() if word in set(kept)] == kept
    assert worn.texts[1:] == ("alone",)
    assert worn.target == "label"
    assert worn == without_words(Example((text, "alone"), "label"), 0.1)
