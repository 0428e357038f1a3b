"""Two processes that train one model: the same model as one process with the whole batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scoring.errors import RecipeError, TrainingError
from scoring.saved.folder import read_saved
from scoring.training.processes import ALONE, Processes
from scoring.training.recipe import Recipe, read_recipe
from scoring.training.run import train
from scoring.training.text import TextTraining
from streams.cli.together import one_voice
from tests.scoring.training.shop_rows import texts, write_jsonl, write_shop

_RECIPE = """
name = "shop"
batch_size = 16
augmentation = {{ delete = 0.2 }}
balancing = {{ method = "{balancing}" }}

[backbone]
source = "{encoder}"
dropout = {dropout}

[training]
epochs = 2
learning_rate = 0.002
measure = "colour.accuracy"

[tasks.colour]
type = "classification"
train = ["colours.jsonl"]
test = 0.2

[tasks.thing]
type = "classification"
train = ["things.jsonl"]
test = 0.2
"""


def write_recipe(
    folder: Path, encoder: Path, name: str, *, balancing: str = "fixed", dropout: float = 0.0
) -> Recipe:
    file = folder / f"{name}.toml"
    file.write_text(_RECIPE.format(encoder=encoder, balancing=balancing, dropout=dropout))
    return read_recipe(file)


@pytest.fixture(scope="module")
def folder(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows and recipes, and what two processes and what one have made of them."""
    folder = tmp_path_factory.mktemp("processes")
    write_shop(folder)
    things = [{"text": text, "label": text.split()[-1]} for text in texts()]
    write_jsonl(folder / "things.jsonl", things)
    recipes = [
        write_recipe(folder, tiny_bert, name, balancing=name) for name in ("fixed", "gradnorm")
    ]
    write_recipe(folder, tiny_bert, "dropout", dropout=0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    place = ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    done = subprocess.run(
        [*command, *place, "-m", "tests.scoring.training.two_processes", str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "said").write_text(done.stdout)
    for recipe in recipes:
        train(recipe, folder, folder / f"one-{recipe.balancing.method}", threads=1)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("balancing", ["fixed", "gradnorm"])
def test_two_processes_come_to_the_weights_of_one(folder: Path, balancing: str) -> None:
    """Key biases are left out: their gradient is 0 but for rounding, which AdamW makes large.

    Temperatures are found on a grid of 1 %.
    """
    ours, theirs = (
        {
            **load_file(folder / f"{name}-{balancing}" / "model.safetensors"),
            **load_file(folder / f"{name}-{balancing}" / "heads" / "heads.safetensors"),
        }
        for name in ("two", "one")
    )
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if "key.bias" not in name:
            near = 0.02 if "temperature" in name else 1e-4
            torch.testing.assert_close(value, theirs[name], atol=1e-5, rtol=near, msg=name)
    one, two = (read_saved(folder / f"{name}-{balancing}") for name in ("one", "two"))
    for task, measures in one.metrics.items():
        assert two.metrics[task]["accuracy"] == pytest.approx(measures["accuracy"], abs=0.03)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_stopped_by_one_they_go_on_to_the_same_bits(folder: Path) -> None:
    assert {file.name for file in folder.glob("stopped-*")} == {"stopped-0", "stopped-1"}
    one, other = (read_saved(folder / f"two-{name}") for name in ("stopped", "dropout"))
    assert one.version() == other.version()
    assert not list(folder.glob(".*.training"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_of_them_prints(folder: Path) -> None:
    lines = (folder / "said").read_text().splitlines()
    assert sum(line.startswith('{"task": "colour"') for line in lines) == 1


def test_the_parts_of_a_batch_are_together_what_one_process_learns_from(
    tiny_bert: Path, tmp_path: Path
) -> None:
    from scoring.tasks.contract import Example
    from scoring.training.task_rows import TaskRows

    recipe = write_recipe(tmp_path, tiny_bert, "fixed")
    rows = {
        name: TaskRows(tuple(Example((f"{name} {n}",), n % 2) for n in range(50)), (), ())
        for name in recipe.tasks
    }
    model = torch.nn.Module()

    def batches(processes: Processes) -> list[dict[str, list[str]]]:
        training = TextTraining(model, rows, recipe, None, processes)  # type: ignore[arg-type]
        return [
            {name: [row.texts[0] for row in part] for name, part in batch.items()}
            for epoch in (0, 1)
            for batch in training.batches(epoch)
        ]

    whole = batches(ALONE)
    first, second = (batches(Processes(rank, 2)) for rank in (0, 1))
    assert [len(part) for part in first[0].values()] == [4, 4]
    for one, two, all_ in zip(first, second, whole, strict=True):
        assert {name: one[name] + two[name] for name in one} == all_
    with pytest.raises(RecipeError, match="batch_size 16 is that of all 3 processes"):
        batches(Processes(0, 3))


def test_what_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with one_voice("next-item", shares=False) as processes:
        assert processes.main
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(TrainingError, match="next-item trains in one process, and 2 were started"),
        one_voice("next-item", shares=False),
    ):
        pass
