"""`rillstream index …`: build, list, verify and search index versions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.exits import Exit
from streams.cli.faiss_build import installed, require_one
from streams.cli.options import EncoderSource, IndexDir, Json, examples, new_app, settings_from
from streams.cli.printing import print_json, print_table, remark

if TYPE_CHECKING:
    from index import Manifest

app = new_app(
    "index",
    "Build, list, verify and search index versions.",
    examples("rillstream index build items.jsonl"),
)


@app.command(
    epilog=examples(
        "rillstream index build items.jsonl",
        "rillstream index build items.parquet --events clicks.parquet --engine hnsw",
        "rillstream index build items.jsonl --out indexes --min-recall 0.95",
    )
)
def build(
    files: Annotated[
        list[Path], typer.Argument(help="Items as JSON Lines or Parquet, with the wire's fields.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--index-dir",
            help="Folder of index versions.",
            show_default="RILLSTREAM_INDEX_DIR, or ./indexes",
        ),
    ] = None,
    encoder: EncoderSource = None,
    engine: Annotated[
        str, typer.Option(help="exact, hnsw, or auto: exact up to a size, HNSW above it.")
    ] = "auto",
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events",
            help="Files of clicks: how often an item occurs in them is how popular it is.",
            show_default="none, all items are equally popular",
        ),
    ] = None,
    min_recall: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Recall at 100 below which nothing is published.",
            show_default="RILLSTREAM_MIN_RECALL, or 0.9",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Report rows that cannot be used, and go on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build a version from a catalogue and make it current.

    Only what changed is encoded; a build that was killed goes on where it was. Bad rows are shown
    with file and line before anything is encoded. Exit code 7 when the recall target is missed, 6
    when another build works in the folder.
    """
    settings = settings_from(index_dir=out, encoder=encoder, min_recall=min_recall)
    from streams.cli.building import build_from_files

    manifest = build_from_files(
        settings, files, events=events or (), engine=engine, skip_bad=skip_bad
    )
    _print_manifests([manifest], manifest.version, as_json=as_json)


@app.command("list", epilog=examples("rillstream index list --json"))
def list_versions(index_dir: IndexDir = None, as_json: Json = False) -> None:
    """List the versions, newest first."""
    from index import IndexStore

    store = IndexStore(settings_from(index_dir=index_dir).index_dir)
    manifests = store.versions()
    if not manifests and not as_json:
        remark("No index here yet. Build one: rillstream index build items.jsonl")
    else:
        _print_manifests(manifests, store.current(), as_json=as_json)


@app.command(epilog=examples("rillstream index verify", "rillstream index verify 20260101-120000"))
def verify(
    version: Annotated[str | None, typer.Argument(help="Which version; the current one.")] = None,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Compare a version's files with its manifest.

    Sizes and SHA-256; nothing is loaded.
    """
    from index import IndexStore

    store = IndexStore(settings_from(index_dir=index_dir).index_dir)
    chosen = version or store.manifest().version
    problems = store.verify(chosen)
    if as_json:
        print_json({"version": chosen, "problems": problems})
    else:
        print("\n".join([f"{chosen}: {'broken' if problems else 'sound'}", *problems]))
    return Exit.FATAL if problems else Exit.OK


@app.command(epilog=examples("rillstream index search 'red teapot' --max 5"))
def search(
    query: Annotated[str, typer.Argument(help="What a shopper would type.")],
    index_dir: IndexDir = None,
    encoder: EncoderSource = None,
    maximum: Annotated[int, typer.Option("--max", "-k", min=1, max=1000, help="How many.")] = 10,
    category: Annotated[
        list[str] | None,
        typer.Option("--category", help="Only of this one; may be repeated.", show_default=False),
    ] = None,
    brand: Annotated[
        list[str] | None,
        typer.Option("--brand", help="Only of this one; may be repeated.", show_default=False),
    ] = None,
    price_min: Annotated[
        float | None, typer.Option("--price-min", help="At least.", show_default=False)
    ] = None,
    price_max: Annotated[
        float | None, typer.Option("--price-max", help="At most.", show_default=False)
    ] = None,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what is in stock.")] = False,
    as_json: Json = False,
) -> None:
    """Find the items nearest to a query.

    Items of unknown price meet no price bound.
    """
    require_one(installed())
    settings = settings_from(index_dir=index_dir, encoder=encoder)
    from index import EncoderMismatchError, Filter, IndexStore
    from scoring import load_encoder

    snapshot = IndexStore(settings.index_dir).open()
    model = load_encoder(settings.encoder, threads=settings.torch_threads)
    if model.version != snapshot.encoder_version:
        raise EncoderMismatchError(
            f"encoder {model.version}, but index {snapshot.version} was built with "
            f"{snapshot.encoder_version}: build a new one with rillstream index build"
        )
    try:
        wanted = Filter(
            frozenset(category or ()), frozenset(brand or ()), price_min, price_max, in_stock
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    found = snapshot.search(
        model.encode_queries([query]), maximum, allowed=wanted.mask(snapshot.catalogue)
    )
    catalogue = snapshot.catalogue
    rows = [
        (rank, catalogue.ids[position], round(float(score), 4), catalogue.titles[position])
        for rank, (position, score) in enumerate(
            zip(found.positions[0], found.scores[0], strict=True), start=1
        )
        if position >= 0
    ]
    if as_json:
        for rank, item_id, score, title in rows:
            print_json({"rank": rank, "item_id": item_id, "score": score, "title": title})
    else:
        print_table(("", "item", "score", "title"), rows)


def _print_manifests(
    manifests: "Sequence[Manifest]", current: str | None, *, as_json: bool
) -> None:
    if as_json:
        import msgspec

        for manifest in manifests:
            print_json({**msgspec.to_builtins(manifest), "current": manifest.version == current})
        return
    print_table(
        ("version", "", "items", "engine", "recall@100", "encoder", "built"),
        [
            (
                manifest.version,
                "current" if manifest.version == current else "",
                f"{manifest.count:,}",
                manifest.engine,
                "" if manifest.recall_at_100 is None else f"{manifest.recall_at_100:.3f}",
                manifest.encoder_version,
                datetime.fromtimestamp(manifest.created_at_ms / 1000, UTC).strftime("%F %T UTC"),
            )
            for manifest in manifests
        ],
    )
