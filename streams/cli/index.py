"""`rillstream index …`: build, rebuild and search; what is done with versions is beside this."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli import versions
from streams.cli.faiss_build import installed, require_one
from streams.cli.named import must_be_there
from streams.cli.options import (
    Announce,
    Broker,
    BuiltDir,
    EncoderSource,
    IndexDir,
    IndexUrl,
    Json,
    Keep,
    MinRecall,
    SkipBad,
    examples,
    new_app,
    settings_from,
)
from streams.cli.printing import print_json, print_table, remark
from streams.cli.waiting import tell_if_awaited

app = new_app(
    "index",
    "Build, compare, verify and search index versions.",
    examples("rillstream index build items.jsonl"),
)


@app.command(
    epilog=examples(
        "rillstream index build items.jsonl",
        "rillstream index build items.parquet --events clicks.parquet --engine hnsw",
        "rillstream index build items.jsonl --engine ivfpq --param probes=128",
        "rillstream index build items.jsonl --index-dir indexes --min-recall 0.95 --keep 3",
        "rillstream index build items.jsonl --index-url s3://shop/indexes --announce",
        "rillstream index build items.jsonl --encoder models/shop --announce",
    )
)
def build(
    files: Annotated[
        list[Path], typer.Argument(help="Items as JSON Lines or Parquet, with the wire's fields.")
    ],
    index_dir: BuiltDir = None,
    index_url: IndexUrl = None,
    encoder: EncoderSource = None,
    engine: Annotated[
        str, typer.Option(help="An engine: one by name; auto: see rillstream index explain.")
    ] = "auto",
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", metavar="NAME=VALUE", help="Of this engine.", show_default="as measured"
        ),
    ] = None,
    events: Annotated[
        list[Path] | None,
        typer.Option(
            "--events",
            help="Files of clicks: how often an item occurs in them is how popular it is.",
            show_default="none, all items are equally popular",
        ),
    ] = None,
    min_recall: MinRecall = None,
    keep: Keep = None,
    skip_bad: SkipBad = False,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="Files without a row are no error: items will come."),
    ] = False,
    announce: Announce = False,
    broker: Broker = None,
    as_json: Json = False,
) -> None:
    """Build a version from a catalogue and make it current.

    Only what changed is encoded; a build that was killed goes on where it was. Bad rows are shown
    with file and line before anything is encoded. Exit code 7 when the recall target is missed, 6
    when another build works in the folder.
    """
    from streams.cli.building import build_from_files
    from streams.cli.by_hand import parameters_by_hand

    parameters = parameters_by_hand(engine, param or ())
    must_be_there(files, events)
    settings = settings_from(
        index_dir=index_dir,
        index_url=index_url,
        bootstrap_servers=broker,
        encoder=encoder,
        min_recall=min_recall,
        index_keep=keep,
    )
    manifest = build_from_files(
        settings,
        files,
        events=events or (),
        engine=engine,
        parameters=parameters,
        skip_bad=skip_bad,
        allow_empty=allow_empty,
        announce=announce,
    )
    versions.print_manifests([manifest], manifest.version, as_json=as_json)


@app.command(
    epilog=examples("rillstream index rebuild", "rillstream index rebuild --only-topic --keep 3")
)
def rebuild(
    broker: Broker = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="An encoder: a folder, hub: and a name, or minilm.",
            show_default="that of the current version",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="An engine: one by name, or auto, with its own parameters.",
            show_default="engine and --param that the current version was built with",
        ),
    ] = None,
    only_topic: Annotated[
        bool,
        typer.Option("--only-topic", help="Leave out items that came from a file only."),
    ] = False,
    min_recall: MinRecall = None,
    keep: Keep = None,
    as_json: Json = False,
) -> None:
    """Build a version from vectors that workers have written.

    Running workers are told of it. Only what they have taken with another encoder is encoded. The
    newest vector of each item counts, deleted items are gone; items of the current version that
    came from a file stay, unless the topic knows better. Exit code 6 when another build works in
    the folder: let it end.
    """
    settings = settings_from(
        bootstrap_servers=broker,
        index_dir=index_dir,
        index_url=index_url,
        min_recall=min_recall,
        index_keep=keep,
    )
    from streams.cli.rebuilding import rebuild_from_topic

    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    manifest = rebuild_from_topic(settings, encoder=encoder, engine=engine, only_topic=only_topic)
    versions.print_manifests([manifest], manifest.version, as_json=as_json)


versions.register(app)


@app.command(
    epilog=examples(
        "rillstream index explain 1M --memory 4GB",
        "rillstream index explain items.jsonl --recall 0.98",
    )
)
def explain(
    what: Annotated[
        str | None,
        typer.Argument(
            help="A number of items, a file of items, or a version.",
            show_default="the current version",
        ),
    ] = None,
    recall: Annotated[
        float, typer.Option(min=0, max=1, help="Recall at 100 of items never seen.")
    ] = 0.95,
    memory: Annotated[
        str | None,
        typer.Option(
            help="For a worker and the vectors: 500MB, 4GB.", show_default="as much as it takes"
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="An engine: one by name, or auto.")] = "auto",
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    as_json: Json = False,
) -> None:
    """Tell which engine would serve so many items, and why.

    Parameters, memory, recall and time come from docs/benchmarks-index.md.
    """
    from streams.cli.explain import explain as explain_choice
    from streams.cli.explain import number

    memory_bytes = number(memory) if memory else None
    if memory and memory_bytes is None:
        raise typer.BadParameter(f"--memory {memory}: a number and MB or GB is needed")
    explain_choice(
        settings_from(index_dir=index_dir, index_url=index_url),
        what,
        recall=recall,
        memory=memory_bytes,
        engine=engine,
        as_json=as_json,
    )


@app.command(epilog=examples("rillstream index search 'red teapot' --max 5"))
def search(
    query: Annotated[str, typer.Argument(help="What a shopper would type.")],
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    encoder: EncoderSource = None,
    maximum: Annotated[
        int, typer.Option("--max", "-k", min=1, max=1000, help="At most so many: items.")
    ] = 10,
    category: Annotated[
        list[str] | None,
        typer.Option("--category", help="This category only; may be repeated.", show_default=False),
    ] = None,
    brand: Annotated[
        list[str] | None,
        typer.Option("--brand", help="This brand only; may be repeated.", show_default=False),
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
    settings = settings_from(index_dir=index_dir, index_url=index_url, encoder=encoder)
    from index import Filter
    from scoring import Policy
    from streams.encoders import Encoders
    from streams.index_folder import index_store

    snapshot = index_store(settings).open()
    model = Encoders(settings).load(snapshot.encoder_version)
    try:
        wanted = Filter(
            frozenset(category or ()), frozenset(brand or ()), price_min, price_max, in_stock
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    found = snapshot.search(
        model.encode_queries([query]),
        maximum,
        effort=Policy().search_effort,
        allowed=wanted.mask(snapshot.catalogue),
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
    elif rows:
        print_table(("", "item", "score", "title"), rows)
    else:
        remark(f"No item of {snapshot.version} meets these conditions.")
