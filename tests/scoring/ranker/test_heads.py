"""Heads: what they predict, and that they arrive as they were sent, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save

from scoring.errors import RankerError
from scoring.ranker.heads import MAX_BYTES, Heads, codes_of
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.united import beside, united

_FEATURES = ("a", "b", "c")
_TASKS = ("ctr", "cvr")


def made(n_codes: int = 16, tasks: tuple[str, ...] = _TASKS, shift: float = -1.0) -> Heads:
    torch.manual_seed(0)
    network = HeadsNetwork(len(_FEATURES), len(tasks), width=8, n_codes=n_codes)
    with torch.no_grad():
        network.items.normal_()
        network.mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
        network.deviation.copy_(torch.tensor([2.0, 1.0, 0.5]))
        network.slopes.fill_(0.5)
        network.shifts.fill_(shift)
    return Heads.of(_FEATURES, tasks, network)


def rows(count: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)


def test_a_linear_network_predicts_what_is_worked_out_by_hand() -> None:
    network = HeadsNetwork(2, 1, n_hidden=0)
    with torch.no_grad():
        network.heads.weight.copy_(torch.tensor([[1.0, -2.0]]))
        network.heads.bias.fill_(0.5)
        network.mean.copy_(torch.tensor([1.0, 0.0]))
        network.deviation.copy_(torch.tensor([2.0, 1.0]))
        network.slopes.fill_(2.0)
        network.shifts.fill_(1.0)
    heads = Heads.of(("a", "b"), ("cvr",), network)
    # ((3 - 1) / 2) - 2 * 1 + 0.5 = -0.5, times 2, plus 1 = 0; 99 is clipped to 5 deviations.
    found = heads.score(np.array([[3.0, 1.0], [99.0, 0.0]], np.float32))
    assert found[:, 0] == pytest.approx([0.5, 1 / (1 + np.exp(-12.0))])


def test_heads_arrive_as_they_were_sent() -> None:
    sent = made()
    got = Heads.from_bytes(sent.to_bytes())
    codes = sent.codes(["x", "y", "z", "x", "w"])
    assert got.version == sent.version
    assert (got.features, got.tasks) == (_FEATURES, _TASKS)
    assert np.array_equal(got.score(rows(), codes), sent.score(rows(), codes))


def test_a_row_is_scored_alone_as_among_others() -> None:
    heads, codes = made(), np.arange(5)
    together = heads.score(rows(), codes)
    alone = [heads.score(rows()[i : i + 1], codes[i : i + 1])[0] for i in range(5)]
    assert np.allclose(together, alone, atol=1e-6)


def test_a_step_on_the_network_leaves_the_version_it_came_from() -> None:
    heads = made()
    before = heads.score(rows(), np.zeros(5, np.int64))
    network = HeadsNetwork(3, 2, width=8, n_codes=16)
    network.load_state_dict(heads.network.state_dict())
    with torch.no_grad():
        network.heads.bias.sub_(torch.ones(2))
    after = Heads.of(_FEATURES, _TASKS, network)
    assert after.version != heads.version
    assert np.array_equal(heads.score(rows(), np.zeros(5, np.int64)), before)


def test_value_has_no_bounds() -> None:
    heads = made(tasks=("cvr", "value"), shift=7.0)
    found = heads.score(rows(), np.zeros(5, np.int64))
    assert (found[:, 0] < 1).all()
    assert (found[:, 1] > 1).all()


def test_codes_are_the_same_everywhere() -> None:
    assert codes_of(["85123A", "22423"], 1000).tolist() == [273, 178]
    assert codes_of(["85123A"], 0).tolist() == [0]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda raw: raw[:-1], "hold no heads"),
        (lambda raw: raw[: len(raw) // 2], "hold no heads"),
        (lambda raw: b"", "hold no heads"),
        (lambda raw: b"\xff" * 64, "hold no heads"),
        (lambda raw: raw[:-80] + bytes([raw[-80] ^ 1]) + raw[-79:], "was changed"),
        (lambda raw: raw.replace(b'\\"format\\":1', b'\\"format\\":9'), "format 9"),
        (lambda raw: save(load(raw)), "hold no heads"),
    ],
)
def test_damaged_heads_are_refused(spoil: Callable[[bytes], bytes], says: str) -> None:
    with pytest.raises(RankerError, match=says):
        Heads.from_bytes(spoil(made().to_bytes()))


def test_sizes_that_no_weight_bears_out_take_no_memory() -> None:
    """One layer of a million numbers, told to be two: they would have 4 TB between them."""
    facts = {
        "format": 1,
        "features": ["a"],
        "tasks": ["ctr"],
        "width": 10**6,
        "n_hidden": 2,
        "item_width": 1,
    }
    network = HeadsNetwork(1, 1, width=8)
    tensors = {**network.state_dict(), "more": torch.zeros(2 * 10**6)}
    raw = save(tensors, metadata={"rillstream-heads": json.dumps(facts), "version": "heads-0"})
    with pytest.raises(RankerError, match="weights of other shapes"):
        Heads.from_bytes(raw)


@pytest.mark.parametrize(
    ("features", "tasks", "says"),
    [
        (("a", "b"), _TASKS, "2 features"),
        (_FEATURES, ("ctr", "sales"), "sales"),
        (("a", "b", "a"), _TASKS, "twice"),
    ],
)
def test_names_that_do_not_fit_are_refused(
    features: tuple[str, ...], tasks: tuple[str, ...], says: str
) -> None:
    with pytest.raises(RankerError, match=says):
        Heads.of(features, tasks, HeadsNetwork(3, 2))


def test_numbers_that_are_none_are_refused() -> None:
    network = HeadsNetwork(3, 2)
    with torch.no_grad():
        network.heads.bias[0] = torch.nan
    with pytest.raises(RankerError, match="finite"):
        Heads.of(_FEATURES, _TASKS, network)


def test_heads_fit_a_message_or_are_refused() -> None:
    names = tuple(f"f{i}" for i in range(70))
    large = Heads.of(names, _TASKS, HeadsNetwork(70, 2, n_codes=8192, item_width=16))
    assert len(large.to_bytes()) < MAX_BYTES
    with pytest.raises(RankerError, match="fewer item codes"):
        Heads.of(names, _TASKS, HeadsNetwork(70, 2, n_codes=65_536)).to_bytes()


@pytest.mark.parametrize("n_hidden", [0, 1, 2])
@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("items", [0.0, 1.0])
def test_served_heads_say_what_their_network_says(
    n_hidden: int, n_networks: int, items: float
) -> None:
    torch.manual_seed(0)
    networks = [HeadsNetwork(3, 2, width=5, n_hidden=n_hidden) for _ in range(n_networks)]
    together = united(networks)
    network = HeadsNetwork(3, 2, width=5 * n_networks, n_hidden=n_hidden, n_codes=16).eval()
    state = together.state_dict() | {"items": items * torch.randn(network.items.shape)}
    name = "layers.0.weight" if n_hidden else "heads.weight"
    state[name] = torch.cat([state[name], torch.randn(len(state[name]), network.items.shape[1])], 1)
    state |= {"mean": torch.randn(3), "deviation": torch.rand(3) + 0.1, "shifts": torch.randn(2)}
    network.load_state_dict(state)
    features = torch.randn(3_000, 3)  # more than are scored at once
    codes = torch.arange(3_000) % 16
    with torch.no_grad():
        expected = torch.sigmoid(network.calibrated(network(features, codes)))
    heads = Heads.of(_FEATURES, _TASKS, network)
    found = heads.score(features.numpy(), codes.numpy())
    assert found == pytest.approx(expected.numpy(), abs=1e-6)


def test_what_is_learned_between_networks_is_served() -> None:
    torch.manual_seed(0)
    network = united([HeadsNetwork(3, 2, width=5) for _ in range(3)])
    with torch.no_grad():
        network.get_parameter("layers.3.weight")[0, 7] = 9.0
        expected = torch.sigmoid(network(torch.from_numpy(rows())))
    found = Heads.of(_FEATURES, _TASKS, network).score(rows())
    assert found == pytest.approx(expected.numpy(), abs=1e-6)


def knowing(width: int, n_tasks: int, n_hidden: int, n_codes: int) -> HeadsNetwork:
    """An untrained network that has something to say of items, if it has codes."""
    network = HeadsNetwork(4, n_tasks, width=width, n_hidden=n_hidden, n_codes=n_codes)
    with torch.no_grad():
        network.items.normal_()
    return network.eval()


@pytest.mark.parametrize("n_hidden", [0, 1, 3])
@pytest.mark.parametrize("n_codes", [0, 6])
def test_networks_side_by_side_say_their_mean(n_hidden: int, n_codes: int) -> None:
    torch.manual_seed(0)
    networks = [knowing(5, 2, n_hidden, n_codes) for _ in range(3)]
    rows, codes = torch.randn(9, 4), torch.arange(9) % 6
    with torch.no_grad():
        mean = torch.stack([network(rows, codes) for network in networks]).mean(dim=0)
        torch.testing.assert_close(united(networks)(rows, codes), mean)
    assert united(networks[:1]) is networks[0]


@pytest.mark.parametrize("n_hidden", [0, 1, 3])
def test_networks_of_tasks_of_their_own_say_each_what_it_says(n_hidden: int) -> None:
    torch.manual_seed(0)
    networks = [knowing(6, 2, n_hidden, 7), knowing(3, 1, n_hidden, 0)]
    together = beside(networks)
    rows, codes = torch.randn(9, 4), torch.arange(9) % 7
    with torch.no_grad():
        expected = torch.cat([network(rows, codes) for network in networks], dim=1)
        torch.testing.assert_close(together(rows, codes), expected)
        again = united([together, together])(rows, codes)
    torch.testing.assert_close(again, expected)
    heads = Heads.of(("a", "b", "c", "d"), ("ctr", "engagement", "cvr"), together)
    got = Heads.from_bytes(heads.to_bytes())
    assert got.version == heads.version
    found = got.score(rows.numpy(), codes.numpy())
    assert found == pytest.approx(torch.sigmoid(expected).numpy(), abs=1e-6)
