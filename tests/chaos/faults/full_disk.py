"""The disk that Kafka writes to is full: the log folder of a broker on a small file system of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from healthnotify.embedded.kafka import KafkaBroker
from healthnotify.embedded.process import is_alive, is_root
from tests.chaos.faults import fault
from tests.chaos.run import Run

SPARE: Final = 24 << 20  # bytes that are free at first
BLOCK: Final = 1 << 16
RECORDS: Final = "records"


@fault(
    21,
    "Kafka disk full",
    done="The log folder of the broker that leads the first partition of the daily topic lies on a small tmpfs, which "
    "a ballast fills in mid-run, until the broker gives up. Then the ballast goes, and the broker is started again.",
    holds="Another replica leads; what the broker could not write was not confirmed, and is not lost.",
)
def disk_full(run: Run) -> None:
    if not is_root():
        run.leave_out("only root may mount a small disk")
    node = run.services.kafka.nodes[run.services.leader() - 1]
    with _small_disk(node) as disk:
        _wait_for_a_leader(run)
        run.load(200, seconds=6)
        run.wait_until_accepted(0.15)
        ballast = disk / "ballast"
        _fill(ballast)
        run.wait_for(lambda: not is_alive(node.pid), "the broker gives up", seconds=30)
        said = (node.directory / "kafka.log").read_text(errors="replace")
        run.prove("No space left on device" in said, "the broker did not say that its disk is full")
        before = run.accepted()
        run.wait_for(lambda: run.accepted() > before + 5, "others go on", seconds=30)
        ballast.unlink()
        node.begin()
        node.wait()
        run.wait_until_accepted(0.9)


@contextmanager
def _small_disk(node: KafkaBroker) -> Iterator[Path]:
    """The node's log folder on a tmpfs with little room; afterwards it is on the usual disk again."""
    folder, aside = node.directory / RECORDS, node.directory / "aside"
    node.stop()
    size = sum(path.stat().st_blocks * 512 for path in folder.rglob("*")) + SPARE
    folder.rename(aside)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "chaos", str(folder)], check=True)
    try:
        _copy(aside, folder)
        node.begin()
        node.wait()
        yield folder
    finally:
        node.stop()
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        (folder / "ballast").unlink(missing_ok=True)
        _copy(folder, aside)
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
        aside.rename(folder)
        node.begin()
        node.wait()


def _copy(source: Path, target: Path) -> None:
    """With holes left as holes: Kafka's indexes are mostly nothing."""
    subprocess.run(["cp", "-a", "--sparse=always", f"{source}/.", str(target)], check=True)


def _fill(path: Path) -> None:
    """Until nothing fits any more."""
    with path.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(os.urandom(BLOCK))
        except OSError:
            return


def _wait_for_a_leader(run: Run) -> None:
    run.wait_for(lambda: run.services.leader() != -1, "the partition has a leader")
