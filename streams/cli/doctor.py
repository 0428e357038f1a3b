"""`rillstream doctor`: does everything that has to agree agree, and if not, what to do."""

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

import typer

from streams.cli.exits import Exit, explain
from streams.cli.faiss_build import FaissBuildError, installed, require_one
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


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `way_out` says what to do unless it is ok."""

    subject: str
    status: Literal["ok", "note", "bad"]
    detail: str
    way_out: str = ""
    code: Exit = Exit.OK


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=examples("rillstream doctor", "rillstream doctor --json"))(doctor)


def doctor(
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


def _examine(as_json: bool, **options: object) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{sys.version.split()[0]} on {platform.platform()}")
    yield from _guard("packages", _packages)
    yield from _guard("faiss", _faiss)
    try:
        settings = settings_from(**options)
    except Exception as error:
        code, line = explain(error)
        yield Finding("settings", "bad", line, "mend the setting that is named", code)
        return
    yield Finding("settings", "ok", f"delivery {settings.delivery}, rows in {settings.store}")
    yield from _guard("gpu", lambda: _gpu(settings))
    yield from _guard("policy", lambda: _policy(settings))
    yield from _guard("experiment", lambda: _experiment(settings))
    yield from _guard("ranker", lambda: _ranker(settings))
    yield from _guard("rules", lambda: _rules(settings))
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    yield from _guard("broker", lambda: _broker(settings))
    yield from _guard("index", lambda: _index(settings))


def _guard(subject: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Turn an error while looking into a finding: the doctor always finishes the round."""
    try:
        yield from look()
    except Exception as error:
        code, line = explain(error)
        yield Finding(subject, "bad", line, "rillstream --debug doctor shows where", code)


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
    from scoring import RulesError
    from streams.rules_file import rules_of

    try:
        rules = rules_of(settings)
    except RulesError as error:
        code, line = explain(error)
        yield Finding("rules", "bad", line, "mend the file that RILLSTREAM_RULES names", code)
        return
    if rules is not None:
        yield Finding("rules", "ok", f"{rules.version} in {settings.rules}")


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
    from streams.topics import check_topics

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
            f"no current version in {settings.index_dir}",
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
    yield from _guard("changes", lambda: _changes(settings, manifest))
    yield from _encoder(settings, manifest.encoder_version)


def _changes(settings: "Settings", manifest: "Manifest") -> Iterator[Finding]:
    """What has happened to the items since the version was built."""
    from streams.errors import RetryError, TopicMismatchError
    from streams.live.change_reader import forgotten_share
    from streams.topic_facts import records_since, topic_facts
    from streams.topics import item_vectors_topic

    topic = item_vectors_topic(settings, manifest.encoder_version)
    try:
        facts = topic_facts(settings, topic, timeout_s=ANSWER_S)
        n_records = records_since(settings, facts, manifest.items_read, timeout_s=ANSWER_S)
    except RetryError:
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
    where = "the MiniLM that comes along" if found is None else str(found)
    yield Finding("encoder", "ok", f"{wanted}, the one that the index was built with: {where}")
