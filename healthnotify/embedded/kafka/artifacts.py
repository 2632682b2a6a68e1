"""Kafka's program in a cache folder: brought by Maven once, then shared by every start on this machine."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from healthnotify.embedded import interrupts
from healthnotify.embedded.process import Process, StartFailed

VERSION: Final = "4.3.1"
OLDEST_JAVA: Final = 17
POM: Final = Path(__file__).with_name("pom.xml")
PATIENCE: Final = 300  # seconds for Maven, over a slow line

CLUSTER_ID: Final = "aGVhbHRobm90aWZ5LWxvYw"  # "healthnotify-loc": the same for all, they never meet

#: Fast to start and small; a broker on one machine for hours needs no better compiler and no better collector.
JAVA: Final = (
    "java",
    "-Xms256m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dorg.apache.logging.log4j.level=WARN",
)


def default_cache() -> Path:
    """Where the program is kept when nobody says otherwise: in the user's cache folder, outside of the checkout."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "healthnotify" / f"kafka-{VERSION}"


def is_fetched(cache: Path) -> bool:
    """Whether the cache is filled; it is renamed into place when complete, so that it is never half there."""
    return cache.is_dir()


def available(cache: Path) -> bool:
    """Whether the real Kafka can run here."""
    return missing(cache) is None


def missing(cache: Path) -> str | None:
    """What keeps the real Kafka from running here, in words; None when nothing does."""
    if java_version() < OLDEST_JAVA:
        return f"Java {OLDEST_JAVA} or newer is not on the PATH"
    if not is_fetched(cache) and shutil.which("mvn") is None:
        return f"Maven (mvn) is not on the PATH and {cache} is empty"
    return None


def java_version() -> int:
    """Major version of the `java` on the PATH; 0 where there is none."""
    if shutil.which("java") is None:
        return 0
    with interrupts.held():  # a signal between fork and return would leave a child that nobody knows
        said = subprocess.run(
            ["java", "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=False
        )
    for line in said.stderr.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "java.specification.version":
            return int(value.strip().removeprefix("1."))
    return 0


def fetch(cache: Path) -> None:
    """Fill the cache: 43 MB and some seconds the first time, nothing after that. Raises `StartFailed`.

    Everything happens in a folder beside it, which is then renamed: an interrupt leaves no half cache, and of two
    processes that fetch at once the slower one throws its copy away. Call it from the main thread, as for `Process`.
    """
    if is_fetched(cache):
        return
    if problem := missing(cache):
        raise StartFailed("Kafka", problem)
    cache.parent.mkdir(parents=True, exist_ok=True)
    log = cache.with_name(f"{cache.name}.log")
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix=".fetching-") as folder:
        fresh = Path(folder) / "kafka"
        _run_maven(fresh, log)
        _format(fresh, log)
        try:
            fresh.rename(cache)
        except OSError:
            if not is_fetched(cache):
                raise


def java(cache: Path, *arguments: str) -> list[str]:
    """The command that runs one of Kafka's programs."""
    return [*JAVA, "-cp", f"{cache / 'libs'}/*", *arguments]


def formatted(cache: Path) -> Path:
    """An empty, formatted log folder to copy: formatting anew would cost each start another Java, 0.8 s."""
    return cache / "formatted"


def _run_maven(fresh: Path, log: Path) -> None:
    place = [f"-Dkafka.version={VERSION}", f"-DoutputDirectory={fresh / 'libs'}"]
    # -C: a file whose checksum is wrong is a failure, not a warning.
    _run_to_end("Maven", ["mvn", "-B", "-ntp", "-C", "-f", str(POM), *place, "dependency:copy-dependencies"], log)


def _format(fresh: Path, log: Path) -> None:
    settings = fresh.parent / "format.properties"
    settings.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
        "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\ncontroller.quorum.voters=1@127.0.0.1:9093\n"
        f"log.dirs={formatted(fresh)}\n"
    )
    tool = java(fresh, "kafka.tools.StorageTool", "format", "-c", str(settings), "-t", CLUSTER_ID)
    _run_to_end("Kafka's StorageTool", tool, log)


def _run_to_end(name: str, command: list[str], log: Path) -> None:
    process = Process(name, command, log=log)
    try:
        process.wait_until(lambda: process.exit_code is not None, seconds=PATIENCE)
    finally:
        process.stop()
    if process.exit_code != 0:
        raise StartFailed(name, f"it ended with code {process.exit_code}", log)
