"""`rillstream index list | verify | rollback | diff`: what is done with versions that are there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.exits import Exit
from streams.cli.options import (
    Announce,
    Broker,
    IndexDir,
    IndexUrl,
    Json,
    examples,
    settings_from,
)
from streams.cli.printing import moment, print_json, print_table, remark, visible

if TYPE_CHECKING:
    from index import Manifest

_NAME = "20260101T120000.000Z-0123abcd"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list", epilog=examples("rillstream index list --json"))(list_versions)
    app.command(epilog=examples("rillstream index verify", f"rillstream index verify {_NAME}"))(
        verify
    )
    app.command(
        epilog=examples(
            "rillstream index rollback --announce", f"rillstream index rollback {_NAME}"
        )
    )(rollback)
    app.command(
        epilog=examples(
            f"rillstream index diff {_NAME}", f"rillstream index diff {_NAME} {_NAME} --json"
        )
    )(diff)


def list_versions(
    index_dir: IndexDir = None, index_url: IndexUrl = None, as_json: Json = False
) -> None:
    """List the versions, newest first.

    Of what cannot be read a line says why.
    """
    from index import IndexFormatError
    from streams.index_folder import index_store

    store = index_store(settings_from(index_dir=index_dir, index_url=index_url))
    manifests, unreadable = store.versions_and_unreadable()
    try:
        current = store.current()
    except IndexFormatError as error:  # whoever has to choose another one comes here
        current = None
        remark(str(error))
    if not manifests and not as_json:
        remark("No index here yet. Build one: rillstream index build items.jsonl")
    else:
        print_manifests(manifests, current, as_json=as_json)
    for broken in unreadable:
        of_it = "which is current, " if broken.version == current else ""
        remark(f"{broken.version}, {of_it}cannot be served: {'; '.join(broken.problems)}")


def verify(
    version: Annotated[
        str | None, typer.Argument(help="Which version.", show_default="the current one")
    ] = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    as_json: Json = False,
) -> int:
    """Compare a version's files with its manifest, and load it.

    Exit code 5 when it is broken.
    """
    from index import IndexFormatError
    from streams.index_folder import index_store

    store = index_store(settings_from(index_dir=index_dir, index_url=index_url))
    try:
        chosen = version or store.manifest().version
        problems = store.verify(chosen)
    except IndexFormatError as error:  # of the current version's manifest, or of the pointer
        chosen, problems = error.version, error.problems
    if as_json:
        print_json({"version": chosen, "problems": problems})
    else:
        print("\n".join([f"{chosen}: {'broken' if problems else 'sound'}", *problems]))
    return Exit.FATAL if problems else Exit.OK


def rollback(
    version: Annotated[
        str | None,
        typer.Argument(help="Which version.", show_default="the one before the current one"),
    ] = None,
    announce: Announce = False,
    broker: Broker = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    as_json: Json = False,
) -> None:
    """Make an older version current again, or a newer one.

    Its files are verified first. Without --announce running workers stay with what they have.
    """
    settings = settings_from(bootstrap_servers=broker, index_dir=index_dir, index_url=index_url)
    from streams.cli.release import release
    from streams.index_folder import index_store

    store = index_store(settings)
    chosen = version or store.before_current()
    manifest = release(settings, store, chosen, announce=announce)
    print_manifests([manifest], chosen, as_json=as_json)


def diff(
    first: Annotated[str, typer.Argument(help="The version to begin with.")],
    second: Annotated[
        str | None,
        typer.Argument(help="The version to compare with it.", show_default="the current one"),
    ] = None,
    maximum: Annotated[
        int, typer.Option("--max", "-k", min=0, help="At most so many: ids of each kind.")
    ] = 20,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    as_json: Json = False,
) -> None:
    """Show which items a version adds, removes and changes.

    With --json all ids are printed.
    """
    from index.difference import difference
    from streams.index_folder import index_store

    store = index_store(settings_from(index_dir=index_dir, index_url=index_url))
    other = second or store.manifest().version
    found = difference(store, first, other)
    kinds = {"added": found.added, "removed": found.removed, "changed": found.changed}
    if as_json:
        print_json({"first": first, "second": other, **kinds, "same": found.n_same})
        return
    counts = ", ".join(f"{len(ids):,} {kind}" for kind, ids in kinds.items())
    print(f"{first} -> {other}: {counts}, {found.n_same:,} the same")
    for kind, ids in kinds.items():
        for item_id in ids[:maximum]:
            print(f"{kind:<8} {visible(item_id)}")
        if maximum and len(ids) > maximum:
            remark(f"… and {len(ids) - maximum:,} more {kind}: --max {len(ids)}, or --json")


def print_manifests(manifests: "Sequence[Manifest]", current: str | None, *, as_json: bool) -> None:
    """Print versions as a table, or one JSON object each."""
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
                moment(manifest.created_at_ms),
            )
            for manifest in manifests
        ],
        copied="version",
    )
