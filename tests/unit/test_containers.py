"""What Dockerfile and compose.yaml promise, as far as it can be read; `make test-containers` starts them."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from config.environment import ROOT, load, names
from healthnotify.apps.privacy import keyring
from healthnotify.embedded.process import free_port
from healthnotify.workers.everything import WORKERS
from tests.containers.journey import MOST_MEMORY
from tests.containers.stand_ins import NAMES

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "healthnotify"]


def test_every_worker_has_a_container_and_so_has_the_web_process():
    commands = [str(SERVICES[name].get("command", "web")) for name in OURS]
    assert [worker for worker in WORKERS if not any(f"worker {worker}" in one for one in commands)] == []
    assert "web" in SERVICES


def test_every_image_that_is_named_has_a_stand_in():
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.M)
    images = {service["image"] for service in SERVICES.values()} - {"healthnotify"}
    assert images | set(bases) == set(NAMES.values())


def test_every_image_is_pinned_to_a_version():
    assert [image for image in NAMES.values() if not re.fullmatch(r"\S+:v?\d[\w.-]*", image)] == []


def test_every_setting_of_ours_is_one_that_exists():
    given = {setting for name in OURS for setting in SERVICES[name]["environment"]}
    secrets = {secret for name in OURS for secret in SERVICES[name]["secrets"]}
    assert given
    assert (given | secrets) - set(names()) == set()


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened_and_limited(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] or name in {"kafka", "kafka-ui"}
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_memory_limits_add_up_to_less_than_three_gigabytes():
    assert sum(int(service["mem_limit"].removesuffix("m")) for service in SERVICES.values()) * 2**20 < MOST_MEMORY


def test_nothing_but_the_program_gets_into_the_image():
    allowed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert allowed[0] == "*"
    assert not {"!secrets", "!.env", "!.git", "!tests", "!."} & set(allowed)


@pytest.fixture
def clone(tmp_path):
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    return tmp_path


def test_the_secrets_are_made_once_and_can_be_used(clone):
    made = [_make(clone), _make(clone)]
    assert made[0] == made[1]
    loaded = load({}, dotenv=clone / ".env", secrets=clone / "secrets")
    assert keyring.parse(loaded.encryption_keys.get_secret_value())
    assert len(loaded.django_secret_key.get_secret_value()) >= 50
    password = made[0]["valkey.conf"].removeprefix("requirepass ").strip()
    assert loaded.redis_url.get_secret_value() == f"redis://:{password}@cache:6379/0"
    assert set(made[0]) == set(COMPOSE["secrets"])


def test_two_clones_have_no_secret_in_common(clone, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    shutil.copytree(ROOT / "deploy", other / "deploy")
    assert not set(_make(clone).values()) & set(_make(other).values())


def test_nobody_else_can_enter_the_folder_of_secrets(clone):
    _make(clone)
    assert (clone / "secrets").stat().st_mode & 0o077 == 0


def _make(clone: Path) -> dict[str, str]:
    subprocess.run(["sh", clone / "deploy" / "make-secrets"], check=True, capture_output=True)
    return {file.name: file.read_text() for file in (clone / "secrets").iterdir()}


@pytest.fixture
def alive(monkeypatch):
    monkeypatch.delenv("HEALTH_PORT", raising=False)
    spec = importlib.util.spec_from_file_location("alive", ROOT / "deploy" / "alive.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def web(tmp_path):
    return _command_line(tmp_path, "python manage.py web")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_says_what_the_process_says(alive, web, monkeypatch, httpserver, *, status, code):
    httpserver.expect_request("/health/live").respond_with_data("words", status=status)
    monkeypatch.setenv("WEB_PORT", str(httpserver.port))
    assert alive.main(web) == code


def test_no_answer_is_not_healthy(alive, web, monkeypatch):
    monkeypatch.setenv("WEB_PORT", str(free_port()))
    assert alive.main(web) == 1


def test_the_health_check_asks_the_port_of_what_runs(alive, web, tmp_path):
    assert alive.port(web) == 8000
    assert alive.port(_command_line(tmp_path, "python manage.py worker builder")) == 9400


def _command_line(folder: Path, command: str) -> Path:
    """As the kernel shows that of a process."""
    file = folder / "cmdline"
    file.write_bytes(b"".join(word.encode() + b"\0" for word in command.split()))
    return file
