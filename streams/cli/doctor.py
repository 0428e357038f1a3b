"""`rillstream doctor`: does everything that has to agree agree, and if not, what to do."""

import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

import typer

from streams.cli.doctor_files import files_of
from streams.cli.exits import Exit, explain
from streams.cli.faiss_build import FaissBuildError, installed, require_one
from streams.cli.finding import Finding, guarded
from streams.cli.options import (
    ANSWER_S,
    Broker,
    EncoderSource,
    IndexDir,
    IndexUrl,
    Json,
    examples,
    settings_from,
)
from streams.cli.printing import console, print_json
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from index import Manifest
    from streams.settings import Settings

_MARKS = {"ok": "[green]ok  [/]", "note": "[yellow]note[/]", "bad": "[red]bad [/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=examples("rillstream doctor", "rillstream doctor --json"))(doctor)


def doctor(
    context: typer.Context,
    broker: Broker = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    encoder: EncoderSource = None,
    as_json: Json = False,
) -> int:
    """Check that versions, broker, topics and index agree.

    What does not is shown with the way out. The exit code is that of the first bad finding: 3 when
    the broker is down, 5 when two things do not fit together.
    """
    code = Exit.OK
    from rich.markup import escape

    out = console()
    for finding in _examine(
        as_json,
        bool(context.find_root().params["debug"]),
        bootstrap_servers=broker,
        index_dir=index_dir,
        index_url=index_url,
        encoder=encoder,
    ):
        if finding.status == "bad" and code == Exit.OK:
            code = finding.code
        if as_json:
            record = asdict(finding)
            record.pop("code")
            print_json(record)
            continue
        out.print(_MARKS[finding.status], f"{finding.subject:<10}", escape(finding.detail))
        if finding.way_out:
            out.print(" " * 16 + f"-> {finding.way_out}", style="yellow", markup=False)
    return code


def _examine(as_json: bool, debug: bool, **options: object) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{sys.version.split()[0]} on {platform.platform()}")
    yield from guarded("packages", _packages, debug=debug)
    yield from guarded("faiss", _faiss, debug=debug)
    try:
        settings = settings_from(**options)
    except Exception as error:
        code, line = explain(error)
        yield Finding("settings", "bad", line, "mend the setting that is named", code)
        return
    yield Finding("settings", "ok", f"delivery {settings.delivery}, rows in {settings.store}")
    yield from guarded("gpu", lambda: _gpu(settings), debug=debug)
    yield from files_of(settings, debug=debug)
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    yield from guarded("broker", lambda: _broker(settings), debug=debug)
    yield from guarded("index", lambda: _index(settings), debug=debug)


def _packages() -> Iterator[Finding]:
    names = ("rillstream", "torch", "transformers", "faust-streaming", "confluent-kafka")
    yield Finding("packages", "ok", ", ".join(f"{name} {version(name)}" for name in names))


def _faiss() -> Iterator[Finding]:
    found = installed()
    try:
        require_one(found)
    except FaissBuildError as error:
        what, _, way_out = str(error).partition(": ")
        yield Finding("faiss", "bad", what, way_out, Exit.FATAL)
    else:
        try:
            import faiss  # noqa: F401 - it is looked whether its libraries are there
        except ImportError as error:
            (name,) = found
            way_out = f"pip uninstall {name}, then pip install 'rillstream[cpu]'"
            yield Finding("faiss", "bad", f"{name} does not load: {error}", way_out, Exit.FATAL)
            return
        yield Finding("faiss", "ok", " ".join(*found.items()))


def _gpu(settings: "Settings") -> Iterator[Finding]:
    import torch

    from scoring.device import device_of

    device = device_of(settings.torch_device)
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        way_out = "RILLSTREAM_TORCH_DEVICE=cuda to use it" if device.type == "cpu" else ""
        detail = f"{', '.join(names)}; models compute on {device}"
        yield Finding("gpu", "ok", detail, way_out)
    else:
        yield Finding("gpu", "note", "none that PyTorch can use", "everything works without one")


def _broker(settings: "Settings") -> Iterator[Finding]:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    from streams.kafka_config import client_config
    from streams.refusal import Complaints, unanswered

    complaints = Complaints()
    admin = AdminClient(client_config(settings, log_level=0, error_cb=complaints))
    try:
        brokers = admin.list_topics(timeout=ANSWER_S).brokers
    except KafkaException as exception:
        cause = complaints.cause(admin, exception.args[0])
        code, line = explain(unanswered(settings.bootstrap_servers, cause, "no answer"))
        detail, _, way_out = line.partition("; ")
        yield Finding("broker", "bad", detail, way_out, code)
        return
    yield Finding("broker", "ok", f"{len(brokers)} at {settings.bootstrap_servers}")
    yield from _topics(settings)


def _topics(settings: "Settings") -> Iterator[Finding]:
    from streams.topic_check import check_topics

    problems = check_topics(settings, timeout_s=ANSWER_S)
    if problems:
        missing = any(each.startswith("missing topics") for each in problems)
        way_out = f"rillstream topics {'create' if missing else 'check, when that is done'}"
        yield Finding("topics", "bad", "; ".join(problems), way_out, Exit.FATAL)
    else:
        yield Finding("topics", "ok", "all there, in the shape that the settings ask for")


def _index(settings: "Settings") -> Iterator[Finding]:
    from streams.index_folder import index_store

    store = index_store(settings)
    current = store.current()
    if current is None:
        yield Finding(
            "index",
            "bad",
            f"no current version in {settings.index_url or settings.index_dir}",
            "rillstream index build items.jsonl",
            Exit.FATAL,
        )
        return
    problems = store.verify(current)
    if problems:
        yield Finding(
            "index", "bad", f"{current}: {'; '.join(problems)}", "build it again", Exit.FATAL
        )
        return
    manifest = store.manifest(current)
    yield Finding("index", "ok", f"{current}: {manifest.count:,} items, {manifest.engine}")
    yield from guarded("changes", lambda: _changes(settings, manifest))
    yield from _encoder(settings, manifest.encoder_version)


def _changes(settings: "Settings", manifest: "Manifest") -> Iterator[Finding]:
    """What has happened to the items since the version was built."""
    from streams.errors import RefusedError, RetryError, TopicMismatchError
    from streams.live.change_reader import forgotten_share
    from streams.topic_facts import records_since, topic_facts
    from streams.topics import item_vectors_topic

    topic = item_vectors_topic(settings, manifest.encoder_version)
    try:
        facts = topic_facts(settings, topic, timeout_s=ANSWER_S)
        n_records = records_since(settings, facts, manifest.items_read, timeout_s=ANSWER_S)
    except (RetryError, RefusedError):
        return  # the broker's own finding says it
    except TopicMismatchError:
        yield Finding("changes", "ok", "no worker has encoded an item yet")
        return
    share = forgotten_share(manifest, facts.delete_retention_ms)
    detail = f"{n_records:,} records since the index was built; workers read them at their start"
    if n_records and share >= 1:
        yield Finding(
            "changes",
            "note",
            f"{detail}; the topic may have forgotten deletions by now",
            "rillstream index rebuild",
        )
    else:
        yield Finding("changes", "ok", detail)


def _encoder(settings: "Settings", wanted: str) -> Iterator[Finding]:
    from index import IndexError_
    from streams.encoders import Encoders

    try:
        found = Encoders(settings).source(wanted)
    except IndexError_ as error:
        yield Finding(
            "encoder",
            "bad",
            str(error),
            "rillstream index build FILE --encoder FOLDER",
            Exit.FATAL,
        )
        return
    if settings.encoder is not None:
        yield from guarded("encoder", lambda: _of_builds(str(settings.encoder)))
    where = "the MiniLM that comes along" if found is None else str(found)
    yield Finding("encoder", "ok", f"{wanted}, the one that the index was built with: {where}")


def _of_builds(source: str) -> Iterator[Finding]:
    """What RILLSTREAM_ENCODER names is that of the next build, also where workers need it not."""
    from scoring.encoder import identify
    from scoring.errors import ScoringError

    try:
        identify(source)
    except ScoringError as error:
        way_out = "workers do without, the next rillstream index build does not"
        yield Finding("encoder", "note", str(error), way_out)
