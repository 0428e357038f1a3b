"""`rillstream policy exposure`: who is shown, by the lists that were published."""

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Broker, IndexDir, IndexUrl, Json, Lists, examples, settings_from
from streams.cli.printing import bounds_said, number_said, print_json, print_table, remark
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from streams.exposure import Exposure, Share, Spread


class By(StrEnum):
    """What items are grouped by."""

    popularity = "popularity"
    category = "category"
    brand = "brand"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "exposure",
        epilog=examples(
            "rillstream policy exposure",
            "rillstream policy exposure --lists lists.jsonl --by category --json",
        ),
    )(exposure)


def exposure(
    lists: Lists = None,
    by: Annotated[By, typer.Option(help="What items are grouped by.")] = By.popularity,
    maximum: Annotated[
        int, typer.Option("--max", min=1, help="At most so many: groups, those shown most.")
    ] = 20,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    broker: Broker = None,
    as_json: Json = False,
) -> None:
    """Say how evenly lists spread over items.

    Those of the current index. For each policy: the share of lists outside the most popular fifth
    of the shop, the share of items that are in any list, and their Gini index (0 = all alike, 1 =
    one has everything). Then, for each group of items, its share of the shop, of its sales, of
    places in lists, and of attention, in which rank r counts 1 / log2(r + 1).
    """
    must_be_there(lists)
    from streams.exposure import Exposure
    from streams.index_folder import index_store

    settings = settings_from(index_dir=index_dir, index_url=index_url, bootstrap_servers=broker)
    found = Exposure(index_store(settings).open().catalogue)
    if lists:
        from streams.list_files import read_lists

        for made in read_lists(lists):
            found.take(made)
    else:
        from streams.errors import RejectedError
        from streams.letter_box import messages_there_now, reader
        from streams.outputs import decode_recommendation

        tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
        with reader(settings, "exposure", "no lists were read") as consumer:
            topic = settings.topic("recommendations")
            for message in messages_there_now(consumer, [topic], from_start=True):
                try:
                    found.take(decode_recommendation(message.value()))
                except RejectedError as error:
                    remark(f"offset {message.offset()} of {topic} was left out: {error.reason}")
    _say(found, by, maximum, as_json=as_json)


def _say(found: "Exposure", by: By, maximum: int, *, as_json: bool) -> None:
    spreads, shares = found.spreads(), found.shares(by.value)[:maximum]
    if as_json:
        for row in [*map(_spread, spreads), *map(_share, shares)]:
            print_json(row)
    else:
        print_table(
            ["policy", "lists", "tail", "95 %", "shown", "gini"],
            [
                [
                    each.policy_version,
                    f"{each.n_lists:,}",
                    number_said(each.tail.value, ".4f"),
                    bounds_said(*each.tail.interval, ".3f"),
                    f"{each.shown:.4f}",
                    f"{each.gini:.4f}",
                ]
                for each in spreads
            ],
        )
        print_table(
            [by.value, "items", "sales", "lists", "attention"],
            [
                [
                    each.group,
                    *map(_said, (each.items, each.sales, each.lists, each.attention)),
                ]
                for each in shares
            ],
        )
    if not found.knows_sales:
        remark(
            "the index knows no popularity, so fifths, tail and head are by its order alone: build "
            "it with --events"
        )
    if found.n_unknown:
        remark(f"{found.n_unknown:,} places have items that the current index does not know")
    if found.n_twice:
        remark(f"{found.n_twice:,} lists were published twice and counted once")


def _said(share: float) -> str:
    return "" if math.isnan(share) else f"{share:.4f}"


def _spread(each: "Spread") -> dict[str, Any]:
    low, high = each.tail.interval
    return {
        "policy_version": each.policy_version,
        "lists": each.n_lists,
        "tail": each.tail.value,
        "tail_low": low,
        "tail_high": high,
        "shown": each.shown,
        "gini": each.gini,
    }


def _share(each: "Share") -> dict[str, Any]:
    return {
        "group": each.group,
        "items": each.items,
        "sales": each.sales,
        "lists": each.lists,
        "attention": each.attention,
    }
