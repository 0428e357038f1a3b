"""The manifests are valid, and agree with the code: settings, commands, probes, time-outs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from streams.cli.exits import Exit
from streams.cli.supervisor import DRAIN_S, HOPELESS
from streams.probes import LIVE, METRICS, READY
from streams.settings import ENV_PREFIX, Settings, load_settings
from tests.commands import parse

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "kubernetes"
VERSION = "1.37"
README = (DEPLOY / "README.md").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPONENTS = [BASE / "learner", BASE / "retune"]
FOLDERS = [DEPLOY, BASE, *COMPONENTS]


def kustomization(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return loaded


def manifests() -> list[dict[str, Any]]:
    folders = [BASE, *COMPONENTS]
    files = [folder / name for folder in folders for name in kustomization(folder)["resources"]]
    return [found for file in files for found in yaml.safe_load_all(file.read_text())]


def named(found: dict[str, Any]) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each pod template's spec."""
    for found in manifests():
        spec = found["spec"]
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield named(found), spec["template"]["spec"]


def literals(folder: Path) -> dict[str, str]:
    (generator,) = kustomization(folder)["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generator["literals"])


PODS = [pytest.param(spec, id=name) for name, spec in pods()]
SERVING = [
    pytest.param(found, id=named(found)) for found in manifests() if found["kind"] == "StatefulSet"
]
CONFIG = {**literals(BASE), **literals(BASE / "learner")}


@pytest.mark.parametrize("found", [pytest.param(each, id=named(each)) for each in manifests()])
def test_a_manifest_is_valid(found: dict[str, Any]) -> None:
    kubernetes_validate.validate(found, VERSION, strict=True)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_what_kustomize_makes_of_them_is_valid(tmp_path: Path) -> None:
    """As the README's overlay does: monitoring, base and components, under other names."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (overlay,) = re.findall(r"```yaml\n(apiVersion: kustomize.*?)```", README, re.DOTALL)
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(overlay)
    built = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    made = list(yaml.safe_load_all(built.stdout))
    for each in made:
        kubernetes_validate.validate(each, VERSION, strict=True)
    # Dashboard, alerts and settings come besides; the first two are the files, unchanged.
    assert len(made) == len(manifests()) + 3
    maps = [each["data"] for each in made if each["kind"] == "ConfigMap"]
    assert {"rillstream.json": (DEPLOY / "grafana.json").read_text()} in maps
    assert {"rillstream.yaml": (DEPLOY / "alerts.yaml").read_text()} in maps


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_files_that_a_kustomization_names_exist(folder: Path) -> None:
    wanted = kustomization(folder)
    for name in wanted["resources"]:
        assert (folder / name).exists()
    for generator in wanted.get("configMapGenerator", []):
        for file in generator.get("files", []):
            assert (folder / file.partition("=")[2]).is_file()


@pytest.mark.parametrize("spec", PODS)
def test_settings_exist_and_fit_together(
    spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown name is an error in every pod."""
    monkeypatch.chdir(tmp_path)
    (container,) = spec["containers"]
    for name, value in CONFIG.items():
        monkeypatch.setenv(name, value)
    for each in container["env"]:
        if each["name"].startswith(ENV_PREFIX):
            monkeypatch.setenv(each["name"], each.get("value", "rillstream-worker-0"))
    settings = load_settings()
    assert settings.partitions == int(CONFIG["RILLSTREAM_PARTITIONS"])


@pytest.mark.parametrize("spec", PODS)
def test_a_command_parses(spec: dict[str, Any]) -> None:
    (container,) = spec["containers"]
    assert "command" not in container  # the image's entry point stays: tini and rillstream
    parse(container["args"])


@pytest.mark.parametrize("found", SERVING)
def test_probes_ask_where_the_code_answers(found: dict[str, Any]) -> None:
    (container,) = found["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert str(port["containerPort"]) == CONFIG["RILLSTREAM_METRICS_PORT"]
    assert CONFIG["RILLSTREAM_METRICS_ADDRESS"] == "0.0.0.0"  # noqa: S104 - the kubelet is elsewhere
    paths = {"startupProbe": LIVE, "livenessProbe": LIVE, "readinessProbe": READY}
    for probe, path in paths.items():
        assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}


def test_prometheus_finds_workers_and_learner() -> None:
    (service,) = [each for each in manifests() if each["kind"] == "Service"]
    wanted = service["spec"]["selector"].items()
    for parameter in SERVING:
        found: Any = parameter.values[0]
        assert found["spec"]["template"]["metadata"]["labels"].items() >= wanted
        assert found["spec"]["serviceName"] == service["metadata"]["name"]
    notes = service["metadata"]["annotations"]
    assert notes["prometheus.io/path"] == METRICS
    assert notes["prometheus.io/port"] == CONFIG["RILLSTREAM_METRICS_PORT"]


@pytest.mark.parametrize("found", SERVING)
def test_a_stop_has_the_time_that_it_may_take(found: dict[str, Any]) -> None:
    grace_s = found["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= float(CONFIG["RILLSTREAM_SESSION_TIMEOUT_S"]) + DRAIN_S


@pytest.mark.parametrize("found", SERVING)
def test_a_worker_keeps_its_folder(found: dict[str, Any]) -> None:
    """The image's folders of rows and index versions lie on the pod's own volume."""
    (container,) = found["spec"]["template"]["spec"]["containers"]
    (claim,) = found["spec"]["volumeClaimTemplates"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for name in ("STATE_DIR", "INDEX_DIR"):
        (folder,) = re.findall(rf"{ENV_PREFIX}{name}=(\S+)", DOCKERFILE)
        assert folder.startswith(mounts[claim["metadata"]["name"]] + "/")


@pytest.mark.parametrize("spec", PODS)
def test_a_pod_is_nobody_of_importance(spec: dict[str, Any]) -> None:
    """No root, nothing written but volumes, no token of the cluster."""
    (user,) = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert str(spec["securityContext"]["runAsUser"]) == user
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "limits" in container["resources"]


@pytest.mark.parametrize("spec", PODS)
def test_no_service_brings_settings_that_there_are_not(spec: dict[str, Any]) -> None:
    """RILLSTREAM_PORT and its like, of a Service called rillstream."""
    assert spec["enableServiceLinks"] is False


@pytest.mark.parametrize("spec", PODS)
def test_volumes_that_are_mounted_exist(spec: dict[str, Any]) -> None:
    (container,) = spec["containers"]
    there = {volume["name"] for volume in spec["volumes"]}
    claims = {
        claim["metadata"]["name"]
        for each in manifests()
        for claim in each["spec"].get("volumeClaimTemplates", [])
    }
    assert {mount["name"] for mount in container["volumeMounts"]} <= there | claims


def test_jobs_do_not_try_again_what_no_repetition_mends() -> None:
    for each in manifests():
        spec = each["spec"].get("jobTemplate", {"spec": each["spec"]})["spec"]
        if each["kind"] in ("Job", "CronJob"):
            (rule,) = spec["podFailurePolicy"]["rules"]
            values = set(rule["onExitCodes"]["values"])
            assert rule["action"] == "FailJob"
            assert values - {Exit.BELOW_TARGET} == HOPELESS


def test_workers_leave_rebuilds_to_the_job() -> None:
    jobs = {named(each): each for each in manifests() if each["kind"] == "CronJob"}
    assert jobs.keys() == {"CronJob rillstream-rebuild", "CronJob rillstream-retune"}
    assert {job["spec"]["concurrencyPolicy"] for job in jobs.values()} == {"Forbid"}
    assert CONFIG["RILLSTREAM_REBUILD_AT"] == "0"


def test_one_learner_learns() -> None:
    (learner,) = [each for each in manifests() if named(each) == "StatefulSet rillstream-learner"]
    assert learner["spec"]["replicas"] == 1


def test_a_disruption_budget_is_for_pods_that_there_are() -> None:
    (budget,) = [each for each in manifests() if each["kind"] == "PodDisruptionBudget"]
    (workers,) = [each for each in manifests() if named(each) == "StatefulSet rillstream-worker"]
    wanted = budget["spec"]["selector"]["matchLabels"].items()
    assert workers["spec"]["template"]["metadata"]["labels"].items() >= wanted
    assert workers["spec"]["replicas"] <= int(CONFIG["RILLSTREAM_PARTITIONS"])


def test_the_readmes_rule_resource_has_the_alerts_in_it() -> None:
    """Made of the file by a shell, so that there is one copy of them."""
    (line,) = re.findall(r"^\$ (\{ printf .*\}) \| kubectl apply -f -$", README, re.MULTILINE)
    made = subprocess.run(
        ["bash", "-c", line], cwd=DEPLOY.parent, capture_output=True, text=True, check=True
    )
    rule = yaml.safe_load(made.stdout)
    assert rule["kind"] == "PrometheusRule"
    assert rule["spec"] == yaml.safe_load((DEPLOY / "alerts.yaml").read_text())


def test_settings_have_no_second_home() -> None:
    """What the base sets differs from the code's default, or it would only be one more place."""
    defaults = Settings.model_construct()
    for name, value in CONFIG.items():
        default = getattr(defaults, name.removeprefix(ENV_PREFIX).lower())
        assert str(default).lower() != value.lower(), name


def test_the_service_monitor_finds_the_service() -> None:
    monitor = yaml.safe_load((BASE / "service-monitor.yaml").read_text())
    (service,) = [each for each in manifests() if each["kind"] == "Service"]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert service["metadata"]["labels"].items() >= wanted
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = service["spec"]["ports"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], METRICS)
    assert service["metadata"]["name"] == "rillstream"  # the job of alerts and dashboard
