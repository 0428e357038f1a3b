"""`rillstream index explain`: which engine for so many items, and why."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.printing import print_json
from streams.errors import BadFileError

if TYPE_CHECKING:
    from index.choice import Choice
    from streams.settings import Settings

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_NUMBER = re.compile(r"(\d[\d,_]*(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)


def number(text: str) -> int | None:
    """A whole number with a unit or none (48,194; 1M; 2.5GB); None = it is none."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    digits = match[1].replace(",", "").replace("_", "")
    return round(float(digits) * _UNITS[match[2].lower()])


def explain(
    settings: "Settings",
    what: str | None,
    *,
    recall: float,
    memory: int | None,
    engine: str,
    as_json: bool,
) -> None:
    """Print a choice.

    Args:
        settings: Names the index folder.
        what: A number of items, a file of items, a version; None = the current version.
        recall: At 100.
        memory: Bytes, None = enough.
        engine: By hand, or auto.
        as_json: One object instead of lines.

    Raises:
        BadFileError: It is none of these, or the file holds something else.
        IndexError_: There is no current version, or no such engine.
    """
    from index import UnknownVersionError
    from index.choice import choose
    from streams.index_folder import index_store

    count = number(what) if what else None
    served = None
    dim = 384
    if count is None and what and Path(what).is_file():
        count = _n_items(Path(what))
    elif count is None:
        try:
            served = index_store(settings).manifest(what)
        except UnknownVersionError as error:
            if what is None:
                raise
            raise BadFileError(f"{what} is no number and no file; {error}") from None
        count, dim = served.count, served.dim
    choice = choose(count, dim, recall=recall, memory_bytes=memory, engine=engine)
    if as_json:
        print_json({**choice.as_dict(), "version": served and served.version})
        return
    print("\n".join(_lines(choice)))
    if served is not None:
        found = "" if served.recall_at_100 is None else f", recall@100 {served.recall_at_100:.3f}"
        print(f"  now         {served.version} is served by {served.engine}{found}")


def _n_items(path: Path) -> int:
    from streams.files import read_records
    from streams.items import Item

    n_items = sum(isinstance(row, Item) for row in read_records(path))
    if not n_items:
        raise BadFileError(f"{path}: no items in it")
    return n_items


def _lines(choice: "Choice") -> list[str]:
    values = asdict(choice.parameters)
    shared = f"{choice.shared_bytes / 1e6:,.0f} MB of vectors, shared by all workers of a machine"
    lines = [
        f"{choice.count:,} items of {choice.dim} values: {choice.engine}",
        "  parameters  " + (" ".join(f"{k}={v}" for k, v in values.items()) or "none"),
        f"  memory      {choice.own_bytes / 1e6:,.0f} MB a worker, and {shared}",
    ]
    if choice.recall_at_100 is not None:
        lines.append(f"  recall@100  {choice.recall_at_100:.3f}, for items never seen")
        lines.append(
            f"  time        {choice.batch_us:,.0f} µs a query in batches of 64, "
            f"{choice.alone_us:,.0f} µs alone, on one core"
        )
    return [
        *lines,
        *(f"  {'why' if i == 0 else '':<11} {reason}" for i, reason in enumerate(choice.reasons)),
    ]
