"""What `rillstream doctor` finds in the files and folders that the settings name."""

import os
from collections.abc import Callable, Iterator
from errno import EACCES, ENOTDIR
from typing import TYPE_CHECKING, Final

from streams.cli.finding import Finding, guarded
from streams.cli.named import must_be_there

if TYPE_CHECKING:
    from streams.settings import Settings

Look = Callable[["Settings"], Iterator[Finding]]


def files_of(settings: "Settings", *, debug: bool) -> Iterator[Finding]:
    """Look at each as a worker would at its start."""
    for name, look in _LOOKS.items():
        way_out = f"mend what RILLSTREAM_{name.upper()} names, or set it to another"
        yield from guarded(name, lambda look=look: look(settings), way_out, debug=debug)  # type: ignore[misc]


def _policy(settings: "Settings") -> Iterator[Finding]:
    if settings.policy is None:
        return
    from streams.policy_file import policy_of

    version = policy_of(settings).version
    yield Finding("policy", "ok", f"{version} with {settings.policy}")


def _ranker(settings: "Settings") -> Iterator[Finding]:
    if settings.ranker is None:
        return
    from scoring import load_ranker

    ranker = load_ranker(settings.ranker)
    tasks = ", ".join(ranker.heads.tasks)
    found = f"{ranker.heads.version} for {tasks}, {ranker.version}, of {settings.ranker}"
    yield Finding("ranker", "ok", found)
    if not settings.shop_counts:
        what = "its columns of what the shop sells are empty"
        yield Finding("ranker", "note", what, "set RILLSTREAM_SHOP_COUNTS=true")


def _experiment(settings: "Settings") -> Iterator[Finding]:
    from streams.experiment_file import experiment_of
    from streams.policy_file import policy_of

    if settings.experiment is None:
        return
    found = experiment_of(settings, policy_of(settings))
    if found is not None:
        arms = ", ".join(arm.name for arm in (*found.variants, *found.shadows))
        yield Finding("experiment", "ok", f"{found.name} in {settings.experiment}: {arms}")


def _rules(settings: "Settings") -> Iterator[Finding]:
    if settings.rules is None:
        return
    from streams.rules_file import rules_of

    rules = rules_of(settings)
    if rules is not None:
        yield Finding("rules", "ok", f"{rules.version} in {settings.rules}")


def _related(settings: "Settings") -> Iterator[Finding]:
    if settings.related is None:
        return
    must_be_there(settings.related)
    from scoring import RelatedItems

    related = RelatedItems.load(settings.related)
    n_items = len(related.item_ids)
    yield Finding("related", "ok", f"{related.version}, {n_items:,} items, of {settings.related}")


def _reranker(settings: "Settings") -> Iterator[Finding]:
    if settings.reranker is None:
        return
    must_be_there(settings.reranker)
    from scoring import load_reranker

    load_reranker(settings.reranker, threads=settings.torch_threads, device=settings.torch_device)
    yield Finding("reranker", "ok", f"{settings.reranker} can be loaded")


def _state_dir(settings: "Settings") -> Iterator[Finding]:
    """Rows are written there: a folder, or one that can be made."""
    place = settings.state_dir.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(place))
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(EACCES, os.strerror(EACCES), str(place))
    yield Finding("state_dir", "ok", f"rows can be kept in {settings.state_dir}")


_LOOKS: Final[dict[str, Look]] = {
    "state_dir": _state_dir,
    "policy": _policy,
    "experiment": _experiment,
    "ranker": _ranker,
    "rules": _rules,
    "related": _related,
    "reranker": _reranker,
}
"""Setting -> what looks at it."""
