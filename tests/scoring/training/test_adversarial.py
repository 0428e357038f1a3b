"""Attacks on embedded inputs: where they go, what they cost, and what they leave as it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from scoring.errors import TrainingError
from scoring.training.adversarial import adversarial_losses, move


class Texts:
    """Two texts of two words, and two losses: linear and squared in what is embedded."""

    def __init__(self, *, frozen: bool = False) -> None:
        torch.manual_seed(0)
        self.embedding = nn.Embedding(6, 3)
        self.embedding.weight.requires_grad_(not frozen)
        self.head = nn.Linear(3, 1)
        self.words = torch.tensor([[1, 2], [3, 3]])

    def scores(self, embedded: Tensor) -> Tensor:
        """(B, T, 3) -> (B,)."""
        scores: Tensor = self.head(embedded.mean(dim=1).tanh()).squeeze(-1)
        return scores

    def of(self, embedded: Tensor) -> dict[str, Tensor]:
        scores = self.scores(embedded)
        return {"linear": scores.sum(), "squared": (scores - 1).square().sum()}

    def losses(self) -> dict[str, Tensor]:
        return self.of(self.embedding(self.words))


def test_a_move_is_a_share_of_the_input_along_the_gradient() -> None:
    """By hand: ‖s‖ = 5 over both words of the first text, ‖g‖ = 10, epsilon 0.1."""
    embedded = torch.tensor([[[3.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 0.0]]])
    slope = torch.tensor([[[0.0, 6.0], [8.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    expected = torch.tensor([[[0.0, 0.3], [0.4, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    torch.testing.assert_close(move(embedded, slope, 0.1), expected)


def test_padding_is_no_part_of_a_text_that_moves() -> None:
    """Its vector is as long as a word's; no loss depends on it."""
    text, slope = torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[1.0, 0.0]]])
    padded = torch.cat([text, torch.full((1, 5, 2), 9.0)], dim=1)
    moved = move(padded, torch.cat([slope, torch.zeros(1, 5, 2)], dim=1), 0.1)
    torch.testing.assert_close(moved[:, :1], move(text, slope, 0.1))
    assert not moved[:, 1:].any()


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_losses_and_gradients_are_those_of_the_paper(share: float) -> None:
    """Against a plain computation of (1 - share) L(s) + share L(s + r), r held constant."""
    ours, plain = Texts(), Texts()
    mixed = adversarial_losses(ours.embedding, ours.losses, 0.3, share)
    torch.autograd.backward(mixed["linear"] + 2 * mixed["squared"])

    s = plain.embedding.weight[plain.words].detach().requires_grad_()
    (g,) = torch.autograd.grad(torch.stack(list(plain.of(s).values())).sum(), s)
    r = torch.stack([0.3 * x.norm() * slope / slope.norm() for x, slope in zip(s, g, strict=True)])
    embedded = plain.embedding(plain.words)
    clean, attacked = plain.of(embedded), plain.of(embedded + r.detach())
    expected = {name: (1 - share) * clean[name] + share * attacked[name] for name in clean}
    torch.autograd.backward(expected["linear"] + 2 * expected["squared"])
    for name, loss in expected.items():
        torch.testing.assert_close(mixed[name], loss)
    for mine, other in (
        (ours.embedding.weight, plain.embedding.weight),
        (ours.head.weight, plain.head.weight),
    ):
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("frozen", [False, True])
def test_an_attack_raises_the_summed_losses(frozen: bool) -> None:
    texts = Texts(frozen=frozen)
    clean = sum(loss.item() for loss in texts.losses().values())
    attacked = adversarial_losses(texts.embedding, texts.losses, 0.05, share=1.0)
    assert sum(loss.item() for loss in attacked.values()) > clean + 1e-3
    torch.autograd.backward(sum(attacked.values(), torch.zeros(())))
    assert texts.head.weight.grad is not None
    assert (texts.embedding.weight.grad is None) == frozen


def test_an_embedding_that_is_called_twice_is_attacked_twice() -> None:
    """Query and title: each of the two moves hurts by itself."""
    texts = Texts()
    others = torch.tensor([[4, 5, 1]])

    def losses() -> dict[str, Tensor]:
        first = texts.scores(texts.embedding(texts.words)).sum()
        return {"sum": first, "other": texts.scores(texts.embedding(others)).sum()}

    clean = losses()
    attacked = adversarial_losses(texts.embedding, losses, 0.05, share=1.0)
    assert attacked["sum"] > clean["sum"]
    assert attacked["other"] > clean["other"]


def test_weights_and_later_passes_are_as_before() -> None:
    texts = Texts()
    before, clean = texts.embedding.weight.clone(), texts.losses()
    adversarial_losses(texts.embedding, texts.losses, 0.5)
    assert torch.equal(texts.embedding.weight, before)
    assert torch.equal(texts.losses()["squared"], clean["squared"])


def test_what_cannot_be_attacked_is_said() -> None:
    texts = Texts()
    calls: list[int] = []

    def shrinking() -> dict[str, Tensor]:
        calls.append(1)
        return texts.of(texts.embedding(texts.words[: 3 - len(calls)]))

    with pytest.raises(TrainingError, match="same batch"):
        adversarial_losses(texts.embedding, shrinking, 0.1)
    with pytest.raises(TrainingError, match="do not call"):
        adversarial_losses(nn.Embedding(2, 2), texts.losses, 0.1)

    def careless() -> dict[str, Tensor]:
        texts.embedding(texts.words)
        return {"other": texts.head.weight.sum()}

    with pytest.raises(TrainingError, match="depends"):
        adversarial_losses(texts.embedding, careless, 0.1)
    with pytest.raises(TrainingError, match="above 0"):
        adversarial_losses(texts.embedding, texts.losses, 0.0)
    texts.losses()  # no hook has stayed
