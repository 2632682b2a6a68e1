"""A Docker engine of the test's own, apart from any other; nothing of it is left afterwards."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from healthnotify.embedded.process import Process

PATIENCE: Final = 60  # seconds to start; it takes two
TABLES: Final = ("filter", "nat", "mangle", "raw")
FORWARDING: Final = Path("/proc/sys/net/ipv4/ip_forward")


def runs_here(environment: Mapping[str, str]) -> bool:
    """Whether an engine answers already."""
    docker = shutil.which("docker", path=environment["PATH"])
    return docker is not None and _silently([docker, "info"], environment)


@contextmanager
def own(home: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """An engine that lives below `home` for as long as the block runs; gives the environment that leads to it."""
    with tempfile.TemporaryDirectory(prefix="engine-", dir=home) as name:
        folder = Path(name)
        socket = f"unix://{folder / 'docker.sock'}"
        # The engine's own client comes first on the PATH: another one may lack what this engine builds with.
        here = {**environment, "DOCKER_HOST": socket, "DOCKER_CONFIG": str(folder / "client")}
        here["PATH"] = f"/usr/bin:{environment['PATH']}"
        _hand_on_proxies(folder / "client", environment)
        before = _network()
        forwarding = FORWARDING.read_text()
        engine = Process("the Docker engine", _command(folder, socket), log=folder / "engine.log", environment=here)
        try:
            engine.wait_until(lambda: runs_here(here), seconds=PATIENCE)
            yield here
        finally:
            engine.stop(seconds=PATIENCE)
            _unmount(folder)
            _undo(before)
            FORWARDING.write_text(forwarding)


def _command(folder: Path, socket: str) -> list[str]:
    places = {"data-root": "images", "exec-root": "run", "pidfile": "pid"}
    return ["dockerd", f"--host={socket}", *(f"--{option}={folder / place}" for option, place in places.items())]


def _hand_on_proxies(folder: Path, environment: Mapping[str, str]) -> None:
    """What this machine reaches the network through, the builds do as well."""
    names = {"http_proxy": "httpProxy", "https_proxy": "httpsProxy", "no_proxy": "noProxy"}
    given = {key: environment[name] for name, key in names.items() if environment.get(name)}
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"proxies": {"default": given}} if given else {}))


Network = tuple[dict[str, list[str]], set[str]]


def _network() -> Network:
    """The rules of the firewall, a table, and the names of the interfaces."""
    rules = {table: _lines("iptables", "--wait", "-t", table, "-S") for table in TABLES}
    return rules, {path.name for path in Path("/sys/class/net").iterdir()}


def _undo(before: Network) -> None:
    """Take away what was added since; the engine leaves its rules and its bridge behind."""
    (rules, interfaces), (rules_now, interfaces_now) = before, _network()
    for name in interfaces_now - interfaces:
        subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True)
    for table in TABLES:
        added = [rule for rule in rules_now[table] if rule not in rules[table]]
        changed = [rule for rule in rules[table] if rule.startswith("-P") and rule not in rules_now[table]]
        removals = [f"-D{rule[2:]}" for rule in added if rule.startswith("-A")]
        chains = [rule.removeprefix("-N ") for rule in added if rule.startswith("-N")]
        for change in [*removals, *(f"-X {chain}" for chain in chains), *changed]:
            subprocess.run(["sh", "-c", f"iptables --wait -t {table} {change}"], check=True)


def _unmount(folder: Path) -> None:
    """What the kernel still holds below `folder`, the innermost first."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in sorted((place for place in places if place.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", place], check=True)


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def _silently(command: list[str], environment: Mapping[str, str]) -> bool:
    return subprocess.run(command, env=dict(environment), check=False, capture_output=True).returncode == 0
