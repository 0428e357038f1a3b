"""Text tasks from files to a folder that encodes, answers, compares and merges."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from scoring import load_encoder
from scoring.encoder import identify
from scoring.errors import CheckpointError, ModelError, RowsError
from scoring.heads.cosine_classes import CosineClasses
from scoring.language.adaptation import layers_of, thaw
from scoring.language.model import LanguageModel
from scoring.language.text_model import TextModel
from scoring.saved.answering import evaluate, predict
from scoring.saved.difference import differences
from scoring.saved.folder import load_model, read_saved
from scoring.saved.merge import merge
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Example
from scoring.training.loop import Interrupted
from scoring.training.recipe import BackboneSettings, Recipe, read_recipe
from scoring.training.rows import Reading
from scoring.training.run import train
from scoring.training.task_rows import TaskRows, read_task_rows
from scoring.training.text import TextTraining
from tests.scoring.training.shop_rows import (
    RECIPE,
    colour,
    shop_recipe,
    texts,
    write_jsonl,
    write_shop,
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    return folder


def recipe(folder: Path, text: str) -> Recipe:
    file = folder / "recipe.toml"
    file.write_text(text)
    return read_recipe(file)


@pytest.fixture(scope="module")
def colours(shop: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells colours."""
    out = tmp_path_factory.mktemp("models") / "colours"
    train(recipe(shop, RECIPE.format(encoder=tiny_bert)), shop, out, threads=1)
    return out


def test_it_learns_what_the_rows_say(colours: Path) -> None:
    measured = read_saved(colours).metrics["colour"]
    assert measured["accuracy"] > 0.95
    assert 0 <= measured["abstained"] < 0.3


def test_the_folder_is_an_encoder_like_any_other(colours: Path, tiny_bert: Path) -> None:
    """The same vectors by the serving path, and none of the heads among the encoder's weights."""
    encoder = load_encoder(colours, threads=1, precision="float32")
    _, model = load_model(colours)
    ours = torch.nn.functional.normalize(model.language.vectors(texts()[:9]), dim=1)
    np.testing.assert_allclose(encoder.encode_queries(texts()[:9]), ours.numpy(), atol=2e-6)
    assert encoder.version != identify(tiny_bert)[0]
    assert read_saved(colours).ancestor == identify(tiny_bert)[0]


def test_who_may_read_its_card_may_read_its_weights(colours: Path) -> None:
    rights = {file.stat().st_mode for file in colours.rglob("*") if file.is_file()}
    assert rights == {(colours / "README.md").stat().st_mode}


def test_answers_are_the_documented_columns(colours: Path, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "ask.jsonl", [{"text": t} for t in texts()[:40]])
    saved, model = load_model(colours)
    found = list(predict(saved, model, "colour", tmp_path / "ask.jsonl", Reading()))
    assert [row["text"] for row in found] == texts()[:40]
    assert all(set(row) == {"text", "label", "confidence", "abstain"} for row in found)
    assert sum(row["label"] == colour(row["text"]) for row in found) >= 37
    with pytest.raises(ModelError, match="has no task 'mood'; it has colour"):
        list(predict(saved, model, "mood", tmp_path / "ask.jsonl", Reading()))


def test_evaluating_again_gives_the_figures_of_the_training(colours: Path, shop: Path) -> None:
    saved, model = load_model(colours)
    found = evaluate(saved, model, shop, reading=Reading())
    assert found["colour"] == pytest.approx(saved.metrics["colour"], abs=1e-5)
    files = [shop / "colours.jsonl"]
    assert evaluate(saved, model, shop, files=files, reading=Reading())["colour"]["accuracy"] > 0.9


def test_the_card_says_what_it_learned_from_and_how_good_it_is(colours: Path) -> None:
    card = (colours / "README.md").read_text()
    accuracy = read_saved(colours).metrics["colour"]["accuracy"]
    assert "made for this test (CC0)" in card
    assert f"| colour | classification | accuracy | {accuracy:.4f} |" in card


def test_a_stopped_training_ends_in_the_same_model(
    shop: Path, tiny_bert: Path, colours: Path, tmp_path: Path
) -> None:
    settings, out = recipe(shop, RECIPE.format(encoder=tiny_bert)), tmp_path / "again"
    steps = iter(range(10_000))
    with pytest.raises(Interrupted):
        train(settings, shop, out, threads=1, stop=lambda: next(steps) == 30)
    assert not out.exists()
    train(settings, shop, out, threads=1)
    assert read_saved(out).version() == read_saved(colours).version()
    assert [each.name for each in tmp_path.iterdir()] == ["again"]


def test_changed_rows_do_not_go_on_from_old_ones(
    shop: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    own = tmp_path / "rows"
    shutil.copytree(shop, own)
    settings, out = recipe(own, RECIPE.format(encoder=tiny_bert)), tmp_path / "model"
    with pytest.raises(Interrupted):
        train(settings, own, out, threads=1, stop=lambda: True)
    with (own / "colours.jsonl").open("a") as file:
        for n in range(9):  # some of them are not for testing
            file.write(json.dumps({"text": f"a red{' red' * n} mug", "label": "red"}) + "\n")
    with pytest.raises(CheckpointError, match="other rows of colour"):
        train(settings, own, out, threads=1)
    with pytest.raises(Interrupted):
        train(settings, own, out, threads=1, restart=True, stop=lambda: True)


def test_a_model_is_never_overwritten(shop: Path, tiny_bert: Path, colours: Path) -> None:
    with pytest.raises(ModelError, match="is there already"):
        train(recipe(shop, RECIPE.format(encoder=tiny_bert)), shop, colours, threads=1)


@pytest.mark.parametrize(
    ("tasks", "least"),
    [
        (("colour", "size"), {"colour.accuracy": 0.95, "size.auc": 0.9}),
        (
            ("relevance", "answer"),
            {"relevance.spearman": 0.65, "relevance.spearman_8": 0.6, "answer.mrr": 0.5},
        ),
    ],
)
def test_tasks_that_share_a_model_all_learn(
    shop: Path, tiny_bert: Path, tmp_path: Path, tasks: tuple[str, ...], least: dict[str, float]
) -> None:
    """Untrained: accuracy .33, AUC .5, Spearman 0, MRR .25 at most."""
    text = shop_recipe(tiny_bert, 24 if "size" in tasks else 10, tasks=tasks)
    train(recipe(shop, text), shop, tmp_path / "model", threads=1)
    found = read_saved(tmp_path / "model").metrics
    for name, bound in least.items():
        task, measure = name.split(".")
        assert found[task][measure] > bound, name


@pytest.mark.parametrize("adaptation", ["lora", "adapters", "frozen", "gradual"])
def test_each_adaptation_changes_what_it_should(
    shop: Path, tiny_bert: Path, tmp_path: Path, adaptation: str
) -> None:
    text = shop_recipe(tiny_bert, 2, adaptation=adaptation)
    train(recipe(shop, text), shop, tmp_path / "model", threads=1)
    before = load_encoder(tiny_bert, threads=1, precision="float32")
    after = load_encoder(tmp_path / "model", threads=1, precision="float32")
    same = np.allclose(
        before.encode_queries(texts()[:5]), after.encode_queries(texts()[:5]), atol=1e-6
    )
    assert same == (adaptation == "frozen")
    encoder_files = {file.name for file in (tmp_path / "model").glob("*.safetensors")}
    assert encoder_files == {"model.safetensors"}


def test_adversarial_moves_are_a_switch(shop: Path, tiny_bert: Path, tmp_path: Path) -> None:
    short = RECIPE.replace("epochs = 12", "epochs = 1").format(encoder=tiny_bert)
    train(recipe(shop, short), shop, tmp_path / "plain", threads=1)
    moved = short.replace("batch_size = 16", "batch_size = 16\nfgm = 0.1")
    train(recipe(shop, moved), shop, tmp_path / "moved", threads=1)
    told = {name: other for name, _, other in differences(tmp_path / "plain", tmp_path / "moved")}
    assert told["recipe.fgm"] == 0.1
    assert "distance of model.safetensors" in told


def test_layers_thaw_from_the_top(tiny_bert: Path) -> None:
    language = LanguageModel(BackboneSettings(source=str(tiny_bert), adaptation="gradual"))
    bottom, top = layers_of(language.backbone)
    embeddings = language.backbone.get_input_embeddings()  # type: ignore[operator]
    learns = []
    for epoch in range(4):
        thaw(language.backbone, epoch)
        parts = (top, bottom, embeddings)
        learns.append([all(p.requires_grad for p in part.parameters()) for part in parts])
    assert learns == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_texts_of_other_lengths_in_a_batch_do_not_matter(tiny_bert: Path) -> None:
    language = LanguageModel(BackboneSettings(source=str(tiny_bert))).eval()
    phrases = ["mug", *texts()[:20], "a red cup for the small green bike of the tea set"]
    together = language(phrases)
    alone = torch.cat([language([phrase]) for phrase in phrases])
    torch.testing.assert_close(together, alone, atol=2e-6, rtol=1e-5)


def test_held_out_labels_and_other_domains_are_only_tested(
    shop: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    write_jsonl(shop / "elsewhere.jsonl", [{"text": f"tea {word} set"} for word in ("of", "for")])
    text = RECIPE.replace(
        "test = 0.3", 'test = 0.3\nhold_out_labels = 1\noutside = ["elsewhere.jsonl"]'
    )
    settings = recipe(shop, text.format(encoder=tiny_bert))
    rows = read_task_rows(
        "colour",
        make_task(settings.tasks["colour"]),
        settings.tasks["colour"],
        settings,
        shop,
        Reading(),
    )
    learned = {row.target for row in rows.train}
    assert len(learned) == 2
    assert {row.target for row in rows.validation} == learned
    assert len({row.target for row in rows.test}) == 3
    assert not {row.texts for row in rows.test} & {row.texts for row in rows.train}
    train(settings, shop, tmp_path / "model", threads=1)
    found = read_saved(tmp_path / "model").metrics["colour"]
    assert {"auroc_unknown_cosine", "auroc_outside_cosine", "accuracy"} <= set(found)


def test_a_label_of_one_row_among_thousands_has_a_mean(shop: Path, tiny_bert: Path) -> None:
    """Means are of every second row here; without one, all of its texts are abstained from."""
    settings = recipe(shop, RECIPE.format(encoder=tiny_bert))
    task = make_task(settings.tasks["colour"])
    train = [Example(("the red mug",), "red") for _ in range(6_000)]
    train[1] = Example(("a blue bike",), "blue")
    task.learn_facts(train)
    model = TextModel(LanguageModel(settings.backbone), {"colour": task})
    training = TextTraining(model, {"colour": TaskRows(tuple(train), (), ())}, settings)
    training.begin()
    training.calibrate()
    head = model.heads["colour"]
    assert isinstance(head, CosineClasses)
    for means in (head.weight.detach(), head.means):
        torch.testing.assert_close(means.norm(dim=1), torch.ones(2))
    assert not model.answers("colour", train[1:2])[0]["abstain"]


def test_rows_of_no_class_are_not_learned_and_are_tested(shop: Path, tiny_bert: Path) -> None:
    text = RECIPE.replace("test = 0.3", 'test = 0.3\nnone_label = "green"')
    settings = recipe(shop, text.format(encoder=tiny_bert))
    task = make_task(settings.tasks["colour"])
    rows = read_task_rows("colour", task, settings.tasks["colour"], settings, shop, Reading())
    assert {row.target for row in rows.train} == {"red", "blue"}
    assert {row.target for row in rows.validation} == {"red", "blue"}
    assert {row.target for row in rows.test} == {"red", "blue", "green"}


def test_models_of_one_ancestor_merge_and_others_do_not(
    shop: Path, tiny_bert: Path, colours: Path, tmp_path: Path
) -> None:
    text = RECIPE.replace("[training]", "[training]\nseed = 1").format(encoder=tiny_bert)
    train(recipe(shop, text), shop, tmp_path / "second", threads=1)
    merge([colours, tmp_path / "second"], [3, 1], tmp_path / "merged")
    states = [
        load_model(folder)[1].state_dict()
        for folder in (colours, tmp_path / "second", tmp_path / "merged")
    ]
    name = "heads.colour.weight"
    expected = 0.75 * states[0][name] + 0.25 * states[1][name]
    torch.testing.assert_close(states[2][name], expected)
    load_encoder(tmp_path / "merged", threads=1)
    train(recipe(shop, shop_recipe(tiny_bert, 1)), shop, tmp_path / "other", threads=1)
    with pytest.raises(ModelError, match="other tasks or labels"):
        merge([colours, tmp_path / "other"], [1, 1], tmp_path / "never")
    own = recipe(shop, RECIPE.format(encoder=colours))
    train(own, shop, tmp_path / "child", threads=1)
    with pytest.raises(ModelError, match="only models with one ancestor"):
        merge([colours, tmp_path / "child"], [1, 1], tmp_path / "never")
    told = {name: (a, b) for name, a, b in differences(colours, tmp_path / "second")}
    assert told["recipe.training.seed"] == (0, 1)
    assert told["distance of model.safetensors"][1] > 0.01  # type: ignore[operator]
    assert list(differences(colours, colours)) == []


def test_too_few_rows_say_why(shop: Path, tiny_bert: Path, tmp_path: Path) -> None:
    text = RECIPE.replace('"classification"', '"binary"').format(encoder=tiny_bert)
    with pytest.raises(RowsError, match=r"colours\.jsonl:1: 'label' is '\w+': label must be a nu"):
        train(recipe(shop, text), shop, tmp_path / "never", threads=1)
    with pytest.raises(RowsError, match="task colour has 0 rows to learn from"):
        train(recipe(shop, text), shop, tmp_path / "never", threads=1, skip_bad=True)
