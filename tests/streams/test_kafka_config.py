"""Both Kafka libraries get what they need, and librdkafka accepts every name."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from streams.errors import SettingsError
from streams.kafka_config import (
    aiokafka_config,
    client_config,
    consumer_config,
    producer_config,
)
from streams.security import Security
from streams.settings import Settings, load_settings

SASL = Security.model_validate(
    {
        "protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_username": "u",
        "sasl_password": "p",
    }
)


@pytest.fixture
def tls(tmp_path: Path) -> Settings:
    """Settings with a real, self-signed certificate."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -keyout".split()
    subprocess.run([*command, key, "-out", cert], check=True, capture_output=True, timeout=60)
    security = {"protocol": "SASL_SSL", "sasl_username": "u", "sasl_password": "p"}
    files = {"ca": cert, "cert": cert, "key": key, "check_hostname": False}
    return load_settings(security=security | files)


def test_librdkafka_accepts_every_property(tls: Settings) -> None:
    """An unknown or contradicting property raises on construction."""
    Producer(producer_config(tls))
    Consumer(consumer_config(tls, "group")).close()
    Producer(producer_config(load_settings(security=SASL)))


def test_credentials_reach_librdkafka(tls: Settings) -> None:
    config = client_config(tls)
    assert config["sasl.username"] == "u"
    assert config["sasl.password"] == "p"
    assert config["ssl.ca.location"].endswith("cert.pem")
    assert config["ssl.endpoint.identification.algorithm"] == "none"


def test_a_certificate_file_that_is_not_there_is_named(tls: Settings) -> None:
    """Or else librdkafka says "BIO lib"."""
    assert tls.security.ca is not None
    tls.security.ca.unlink()
    with pytest.raises(SettingsError, match=r"RILLSTREAM_SECURITY__CA: no file .*cert\.pem"):
        client_config(tls)


def test_credentials_reach_aiokafka(tls: Settings) -> None:
    assert tls.security.sasl_password is not None
    config = aiokafka_config(tls)
    context = config["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert not context.check_hostname
    assert config["sasl_plain_password"] == tls.security.sasl_password.get_secret_value()
    assert aiokafka_config(load_settings(security=SASL))["sasl_mechanism"] == "SCRAM-SHA-256"


def test_without_security_no_credentials_are_sent() -> None:
    settings = load_settings(bootstrap_servers="a:1,b:2")
    assert not [name for name in client_config(settings) if name.startswith(("sasl", "ssl"))]
    assert aiokafka_config(settings) == {
        "bootstrap_servers": ["a:1", "b:2"],
        "client_id": "rillstream",
        "security_protocol": "PLAINTEXT",
    }


def test_keys_go_where_java_clients_put_them() -> None:
    assert producer_config(load_settings())["partitioner"] == "murmur2_random"


def test_consumers_see_committed_records_only_and_move_nothing() -> None:
    config = consumer_config(load_settings(), "g")
    assert config["isolation.level"] == "read_committed"
    assert config["enable.auto.commit"] is False


def test_the_callers_properties_win() -> None:
    assert producer_config(load_settings(), **{"linger.ms": 0})["linger.ms"] == 0
    assert client_config(load_settings(), **{"client.id": "me"})["client.id"] == "me"
