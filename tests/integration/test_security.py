"""A guarded Kafka: SASL and TLS from the settings to the last commit, and refusals told clearly."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from pydantic import SecretStr

from streams.brokers.kafka import KafkaBroker
from streams.cli.exits import Exit
from streams.security import Security
from streams.subscribe import Subscription
from tests.integration.conftest import require_kafka
from tests.integration.shop import EventLog, Reader, check_exactly_once, make_events, open_shop
from tests.integration.worker_process import ROOT, WorkerProcess, security_variables, workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(120)]

USER = "shop"
SECRETS = PLAIN, SCRAM, KEY, WRONG = "pw-plain-1f7", "pw-scram-2e8", "pw-key-3d9", "pw-wrong-4c0"

EXTENSIONS = """[req]
distinguished_name = name
prompt = no
[name]
CN = rillstream test
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class Certificates:
    """A CA that signed the broker's and a client's certificate, and another that signed nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "openssl.cnf").write_text(EXTENSIONS)
        for name in ("ca", "other"):
            self._make(name, "ca", "-nodes")
        signed = ("-CA", str(self.path("ca.pem")), "-CAkey", str(self.path("ca.key")))
        self._make("server", "leaf", "-nodes", *signed)
        self._make("client", "leaf", "-passout", f"pass:{KEY}", *signed)

    def path(self, name: str) -> Path:
        """Where a file is: `ca.pem`, `client.key`."""
        return self._folder / name

    def line(self, name: str) -> str:
        """A file as Kafka's properties take it."""
        return " ".join(self.path(name).read_text().split("\n")).strip()

    def _make(self, name: str, extensions: str, *more: str) -> None:
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2".split()
        config = ("-config", str(self.path("openssl.cnf")), "-extensions", extensions)
        files = ("-keyout", str(self.path(f"{name}.key")), "-out", str(self.path(f"{name}.pem")))
        subprocess.run(
            [*command, *config, *files, *more], check=True, capture_output=True, timeout=30
        )


@dataclass(frozen=True)
class GuardedKafka:
    """A broker with one door for passwords and one for client certificates."""

    broker: KafkaBroker
    certificates: Certificates

    def door(self, method: str, **changes: object) -> tuple[str, Security]:
        """Address and right settings of a way in, unless changed."""
        values: dict[str, object] = {"ca": self.certificates.path("ca.pem")}
        if method == "TLS":
            pair = {kind: self.certificates.path(f"client.{kind}") for kind in ("pem", "key")}
            values |= {"protocol": "SSL", "cert": pair["pem"], "key": pair["key"]}
            values |= {"key_password": SecretStr(KEY)}
        else:
            password = SecretStr(PLAIN if method == "PLAIN" else SCRAM)
            values |= {"protocol": "SASL_SSL", "sasl_mechanism": method}
            values |= {"sasl_username": USER, "sasl_password": password}
        listener = "TLS" if method == "TLS" else "PASSWORD"
        return self.broker.address(listener), Security.model_validate(values | changes)


def guards(certificates: Certificates) -> dict[str, str]:
    """Broker properties of the two doors."""
    module = "org.apache.kafka.common.security"
    door = "listener.name.password"
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": certificates.line("server.key"),
        "ssl.keystore.certificate.chain": certificates.line("server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": certificates.line("ca.pem"),
        "listener.name.tls.ssl.client.auth": "required",
        f"{door}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        f"{door}.plain.sasl.jaas.config": (
            f'{module}.plain.PlainLoginModule required user_{USER}="{PLAIN}";'
        ),
        f"{door}.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
    }


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedKafka]:
    """Its third door, without a guard, is for the broker itself and for making the SCRAM user."""
    require_kafka()
    folder = tmp_path_factory.mktemp("guarded")
    certificates = Certificates(folder / "certificates")
    doors = {"PASSWORD": "SASL_SSL", "TLS": "SSL"}
    with KafkaBroker(folder / "kafka", listeners=doors, overrides=guards(certificates)) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion(USER, scram, SCRAM.encode())
        admin.alter_user_scram_credentials([user])[USER].result(20)
        yield GuardedKafka(broker, certificates)
    broker.discard()


TURNED_AWAY = [
    ("topics check", "password"),
    ("topics check", "CA"),
    ("dead-letters list", "password"),
    ("dead-letters list", "CA"),
    ("dead-letters replay", "SCRAM password"),
    ("worker", "SCRAM password"),
    ("worker", "CA"),
]


class TurnedAway:
    """A command with a wrong setting, while it tries to get in."""

    def __init__(self, command: str, address: str, security: Security) -> None:
        self._begun_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", *command.split(), "--broker", address],
            cwd=ROOT,
            env={**os.environ, **security_variables(security)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, within_s: float) -> tuple[int, str, str]:
        """Exit code, standard output and standard error; it ends so soon after its start."""
        left_s = self._begun_s + within_s - time.monotonic()
        output, errors = self._process.communicate(timeout=max(left_s, 1))
        return self._process.returncode, output, errors

    def kill(self) -> None:
        """Nothing outlives the tests."""
        self._process.kill()
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def turned_away(guarded: GuardedKafka) -> Iterator[dict[tuple[str, str], TurnedAway]]:
    """All of them at once: most of their time they wait."""
    wrong = {
        "password": guarded.door("PLAIN", sasl_password=SecretStr(WRONG)),
        "SCRAM password": guarded.door("SCRAM-SHA-512", sasl_password=SecretStr(WRONG)),
        "CA": guarded.door("PLAIN", ca=guarded.certificates.path("other.pem")),
    }
    processes = {key: TurnedAway(key[0], *wrong[key[1]]) for key in TURNED_AWAY}
    yield processes
    for process in processes.values():
        process.kill()


@pytest.mark.usefixtures("turned_away")  # they wait for their time-outs meanwhile
@pytest.mark.parametrize("method", ["PLAIN", "SCRAM-SHA-512", "TLS"])
def test_every_list_comes_once_through_a_guarded_door(
    guarded: GuardedKafka, tmp_path: Path, method: str
) -> None:
    address, security = guarded.door(method)
    settings = open_shop(address, tmp_path, security=security, session_timeout_s=10, heartbeat_s=2)
    log, reader, worker = EventLog(settings), Reader(settings), WorkerProcess(settings, "w0")
    reader.start()
    worker.start()
    with workers(worker):
        log.publish(make_events(600, n_users=50, seed=31))
        reader.wait_for(len(log.written), 40)
        assert worker.stop() == 0
    reader.close()
    check_exactly_once(settings, log, reader)
    give_up_s = time.monotonic() + 20
    with Subscription(
        settings,
        start="earliest",
        max_n=len(log.written),
        should_stop=lambda: time.monotonic() > give_up_s,
    ) as lists:
        assert {found.recommendation_id for found in lists} == log.list_ids()
    told = worker.log_text()
    assert not [secret for secret in SECRETS if secret in told]


@pytest.mark.parametrize(("command", "what"), TURNED_AWAY)
def test_whoever_is_turned_away_is_told_why_in_one_line(
    turned_away: dict[tuple[str, str], TurnedAway], command: str, what: str
) -> None:
    code, output, errors = turned_away[command, what].end(within_s=45)
    assert code == Exit.FATAL, errors
    assert output == ""
    *before, line = errors.splitlines()
    assert all("starting" in each for each in before), errors  # a worker says where it knocks
    assert line.startswith("rillstream: ")
    assert f"RILLSTREAM_SECURITY__{'CA' if what == 'CA' else 'SASL_PASSWORD'}" in line
    assert not [secret for secret in SECRETS if secret in errors]
