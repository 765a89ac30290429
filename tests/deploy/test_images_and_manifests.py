"""What stands in deploy/ can be read, and says of Misstep what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from misstep.cli.run import Only, app
from misstep.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = [one for one in yaml.safe_load_all((DEPLOY / "kubernetes" / "misstep.yaml").read_text("utf-8")) if one]
SETTINGS = {f"MISSTEP_{name.upper()}" for name in Settings.model_fields} | {"MISSTEP_PROJECT"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in MANIFESTS if one["kind"] == kind]


def pods() -> list[tuple[str, dict[str, Any]]]:
    """Every pod's specification, by the name of what makes it."""
    return [
        (one["metadata"]["name"], one["spec"]["template"]) for one in MANIFESTS if "template" in one.get("spec", {})
    ]


def test_every_file_of_deploy_can_be_read() -> None:
    for path in DEPLOY.rglob("*"):
        if path.suffix in (".yaml", ".yml"):
            assert list(yaml.safe_load_all(path.read_text("utf-8"))), path
        elif path.suffix == ".json":
            assert json.loads(path.read_text("utf-8")), path


@pytest.mark.parametrize("stateful", of_kind("StatefulSet"), ids=lambda one: one["metadata"]["name"])
def test_a_process_has_its_pods_name_as_its_slot_and_time_to_drain(stateful: dict[str, Any]) -> None:
    spec = stateful["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (slot,) = [one for one in container["env"] if one["name"] == "MISSTEP_SLOT"]
    assert slot["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 30
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    (service,) = [one for one in of_kind("Service") if one["metadata"]["name"] == spec["serviceName"]]
    assert service["spec"]["selector"] == spec["selector"]["matchLabels"]


@pytest.mark.parametrize(("name", "pod"), pods(), ids=[name for name, _ in pods()])
def test_a_pod_runs_as_nobody_special_and_calls_misstep_as_it_is(name: str, pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"]["runAsUser"] == int(re.search(r"--uid (\d+)", DOCKERFILE)[1])  # type: ignore[index]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    command, *arguments = container["args"]
    assert command in ("apply", "run")
    if command == "run":
        known = {option for parameter in get_command(app).params for option in parameter.opts}
        assert {one for one in arguments if one.startswith("--")} <= known
        assert arguments[arguments.index("--only") + 1] in list(Only)
        port = int(arguments[arguments.index("--metrics-port") + 1])
        assert container["ports"] == [{"name": "metrics", "containerPort": port}]
        assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(port)


def test_every_setting_that_is_set_exists() -> None:
    set_here = {name for one in of_kind("ConfigMap") for name in one["data"]}
    set_here |= {name for one in of_kind("Secret") for name in one["stringData"]}
    set_here |= set(re.findall(r"\bMISSTEP_[A-Z]+", DOCKERFILE))
    assert set_here <= SETTINGS


def test_the_image_copies_what_is_there_and_pins_what_it_installs() -> None:
    for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.M):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line
    expression = re.search(r"sed -nE '([^']+)'", DOCKERFILE)[1]  # type: ignore[index]
    pattern = expression.removeprefix("s/").removesuffix("/\\1/p")
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = [found[1].split("==")[0] for line in lock.splitlines() if (found := re.match(pattern, line))]
    assert {"confluent-kafka", "pydantic", "structlog", "opentelemetry-sdk"} <= set(pinned)
    assert '".[otel]"' in DOCKERFILE.replace("'", '"')
