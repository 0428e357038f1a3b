"""Settings -> client configurations of librdkafka (confluent-kafka) and of aiokafka (Faust)."""

from __future__ import annotations

import ssl
from typing import Any, Final

from streams.errors import SettingsError
from streams.security import Security
from streams.settings import ENV_PREFIX, Settings

_FILES: Final = {
    "ssl.ca.location": "ca",
    "ssl.certificate.location": "cert",
    "ssl.key.location": "key",
}


def client_config(settings: Settings, **extra: Any) -> dict[str, Any]:
    """What every librdkafka client needs: addresses, name, security.

    Args:
        settings: Where the broker is and how it wants to be spoken to.
        **extra: Further librdkafka properties, which win: `**{"group.id": "g"}`.

    Raises:
        SettingsError: A certificate file is not there.
    """
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": settings.client_id,
        "log.connection.close": False,
        # What matters is raised or logged by us; the rest is a line a second without a broker.
        "log_level": 2,
        # A broker that is back is found within a second, and not within ten.
        "reconnect.backoff.max.ms": 1_000,
    }
    config.update(_security_config(settings.security))
    config.update(extra)
    return config


def producer_config(settings: Settings, **extra: Any) -> dict[str, Any]:
    """An idempotent producer that puts a key where Java clients, and so Faust, expect it."""
    config: dict[str, Any] = {
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        # A dead letter is a message of up to 1 MiB, plus headers.
        "message.max.bytes": 2_000_000,
    }
    return client_config(settings, **(config | extra))


def consumer_config(settings: Settings, group_id: str, **extra: Any) -> dict[str, Any]:
    """A consumer that sees committed records only and moves no position by itself."""
    config: dict[str, Any] = {
        "group.id": group_id,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        # A real broker answers as soon as there is something; the embedded one only at the end.
        "fetch.wait.max.ms": 50,
    }
    return client_config(settings, **(config | extra))


def aiokafka_config(settings: Settings, **extra: Any) -> dict[str, Any]:
    """Keyword arguments for aiokafka's clients.

    Faust takes the same pieces: `ssl_context`, `sasl_mechanism`, `sasl_plain_username` and
    `sasl_plain_password` are the arguments of its credentials.
    """
    security = settings.security
    config: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "client_id": settings.client_id,
        "security_protocol": security.protocol,
    }
    if security.uses_tls:
        config["ssl_context"] = ssl_context(security)
    if security.sasl_password is not None:
        config["sasl_mechanism"] = security.sasl_mechanism
        config["sasl_plain_username"] = security.sasl_username
        config["sasl_plain_password"] = security.sasl_password.get_secret_value()
    config.update(extra)
    return config


def ssl_context(security: Security) -> ssl.SSLContext:
    """The TLS context of these settings; certificates are checked against `ca` or the system's."""
    cafile = str(security.ca) if security.ca else None
    context = ssl.create_default_context(cafile=cafile)
    context.check_hostname = security.check_hostname
    if security.cert and security.key:
        password = security.key_password.get_secret_value() if security.key_password else None
        context.load_cert_chain(security.cert, security.key, password)
    return context


def _security_config(security: Security) -> dict[str, Any]:
    config: dict[str, Any] = {"security.protocol": security.protocol}
    if security.sasl_password is not None:
        config["sasl.mechanisms"] = security.sasl_mechanism
        config["sasl.username"] = security.sasl_username
        config["sasl.password"] = security.sasl_password.get_secret_value()
    if security.uses_tls:
        for name, field in _FILES.items():
            path = getattr(security, field)
            if path is None:
                continue
            if not path.is_file():  # librdkafka would say "BIO lib", and not which file
                raise SettingsError(f"{ENV_PREFIX}SECURITY__{field.upper()}: no file {path}")
            config[name] = str(path)
        if security.key_password:
            config["ssl.key.password"] = security.key_password.get_secret_value()
        if not security.check_hostname:
            config["ssl.endpoint.identification.algorithm"] = "none"
    return config
