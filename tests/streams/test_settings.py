"""Settings: where they come from, which wins, and that a typo is never ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.errors import SettingsError
from streams.settings import load_settings


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_need_no_configuration() -> None:
    settings = load_settings()
    assert settings.delivery == "exactly_once"
    assert settings.topic("recommendations_latest") == "recommendations-latest"


def test_arguments_win_over_environment_over_dotenv_over_toml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("rillstream.toml").write_text(
        "batch_max = 1\npartitions = 1\nslate_size = 1\nfaiss_threads = 7\n"
    )
    Path(".env").write_text(
        "RILLSTREAM_BATCH_MAX=2\nRILLSTREAM_PARTITIONS=2\nRILLSTREAM_SLATE_SIZE=2\n"
    )
    monkeypatch.setenv("RILLSTREAM_BATCH_MAX", "3")
    monkeypatch.setenv("RILLSTREAM_PARTITIONS", "3")
    settings = load_settings(batch_max=4)
    found = (settings.batch_max, settings.partitions, settings.slate_size, settings.faiss_threads)
    assert found == (4, 3, 2, 7)


def test_nested_settings_come_from_environment_and_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rillstream.toml").write_text(
        'topic_prefix = "eu."\n[topics]\nclicks = "web"\n[security]\nprotocol = "SSL"\n'
    )
    monkeypatch.setenv("RILLSTREAM_SECURITY__CA", "/ca.pem")
    settings = load_settings()
    assert settings.topic("clicks") == "eu.web"
    assert settings.security.ca == Path("/ca.pem")
    assert settings.security.uses_tls


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RILLSTREAM_BATCHMAX", "RILLSTREAM_BATCH_MAX"),
        ("RILLSTREAM_SECURITY__SASL_PASWORD", "RILLSTREAM_SECURITY__SASL_PASSWORD"),
        ("RILLSTREAM_KAFKA_BOOTSTRAP_SERVERS", "RILLSTREAM_BOOTSTRAP_SERVERS"),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(
    name: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=f"{name} .did you mean {nearest}"):
        load_settings()


@pytest.mark.parametrize(
    ("file", "text", "nearest"),
    [
        (".env", "RILLSTREAM_SLATESIZE=3", "RILLSTREAM_SLATE_SIZE"),
        ("rillstream.toml", "slatesize = 3", "slate_size"),
        ("rillstream.toml", "[topics]\nclick = 'x'", "clicks"),
    ],
)
def test_an_unknown_name_in_a_file_is_an_error(file: str, text: str, nearest: str) -> None:
    Path(file).write_text(text)
    with pytest.raises(SettingsError, match=f"{file}.*did you mean {nearest}"):
        load_settings()


def test_an_unknown_argument_is_an_error() -> None:
    with pytest.raises(SettingsError, match="did you mean slate_size"):
        load_settings(slate=3)


def test_other_programs_variables_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("DATABASE_URL=x\n")
    monkeypatch.setenv("RILL_SOMETHING", "1")
    load_settings()


def test_broken_toml_is_one_clear_error() -> None:
    Path("rillstream.toml").write_text("batch_max =")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RILLSTREAM_BATCH_MAX", "0"),
        ("RILLSTREAM_BATCH_MAX", "many"),
        ("RILLSTREAM_DELIVERY", "maybe"),
        ("RILLSTREAM_TOPIC_PREFIX", "no spaces "),
        ("RILLSTREAM_MAX_MESSAGE_BYTES", "5000000"),
        ("RILLSTREAM_BATCH_WINDOW_MS", "nan"),
        ("RILLSTREAM_BOOTSTRAP_SERVERS", ""),
        ("RILLSTREAM_BOOTSTRAP_SERVERS", "broker:9092,"),
        ("RILLSTREAM_BOOTSTRAP_SERVERS", "broker:kafka"),
        ("RILLSTREAM_BOOTSTRAP_SERVERS", "broker:99999"),
        ("RILLSTREAM_BOOTSTRAP_SERVERS", "kafka://broker:9092"),
        ("RILLSTREAM_BATCH_MAX", ""),
        ("RILLSTREAM_STATE_DIR", ""),
        ("RILLSTREAM_SECURITY", "SASL_SSL"),
        ("RILLSTREAM_CANDIDATE_QUOTAS", "trending=5"),
        ("RILLSTREAM_TOPICS__CLICKS", ""),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_an_empty_value_is_none_where_there_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compose file passes on variables that nobody has set; an empty path is no folder."""
    for name in ("POLICY", "ENCODER", "METRICS_PORT", "INDEX_URL", "SECURITY__CA", "TOPIC_PREFIX"):
        monkeypatch.setenv(f"RILLSTREAM_{name}", "")
    Path(".env").write_text("RILLSTREAM_POLICY=policy.toml\n")
    settings = load_settings()
    found = (settings.policy, settings.encoder, settings.metrics_port, settings.index_url)
    assert found == (None,) * 4
    assert settings.security.ca is None
    assert settings.topic_prefix == ""


def test_blanks_between_brokers_are_no_part_of_a_name() -> None:
    settings = load_settings(bootstrap_servers=" a, b:9093 ,[::1]:9094")
    assert settings.bootstrap_servers == "a,b:9093,[::1]:9094"


def test_two_topics_of_one_name_are_refused() -> None:
    """Clicks among the searches would all be dead letters."""
    with pytest.raises(SettingsError, match="clicks and searches are both called 'events'"):
        load_settings(topics={"clicks": "events", "searches": "events"})


def test_a_value_within_a_setting_is_named_by_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RILLSTREAM_CANDIDATE_QUOTAS", '{"trending": -1}')
    with pytest.raises(SettingsError, match=r"RILLSTREAM_CANDIDATE_QUOTAS\[trending\]: "):
        load_settings()


@pytest.mark.parametrize(
    "security",
    [
        {"protocol": "SASL_SSL"},
        {"protocol": "SASL_SSL", "sasl_username": "u"},
        {"sasl_username": "u", "sasl_password": "p"},
        {"ca": "/ca.pem"},
        {"protocol": "SSL", "cert": "/cert.pem"},
    ],
)
def test_security_that_does_not_fit_together_is_refused(security: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="bad setting"):
        load_settings(security=security)


def test_heartbeats_must_fit_into_the_session() -> None:
    with pytest.raises(SettingsError, match="heartbeat_s"):
        load_settings(session_timeout_s=3, heartbeat_s=2)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().batch_max = 3  # type: ignore[misc]


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"protocol": "SASL_SSL", "sasl_username": "u", "sasl_password": "hunter2"}
    assert "hunter2" not in repr(load_settings(security=secret))
    with pytest.raises(SettingsError) as caught:
        load_settings(security=secret | {"protocol": "PLAINTEXT"})
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("RILLSTREAM_SECURITY__SASL_PASWORD", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://shop/indexes", "memory://indexes"])
def test_an_object_store_is_no_folder(url: str) -> None:
    """It would be a folder named `s3:` here, and nobody else would see what is in it."""
    with pytest.raises(SettingsError, match="RILLSTREAM_INDEX_DIR: it is a folder; an object"):
        load_settings(index_dir=Path(url))
