"""The rules of the house: each is kept by every file, and each is seen to fail on an example that breaks it."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from config.environment import ROOT

NOT_OURS = {".git", ".venv", ".cache", ".hypothesis", "__pycache__", "node_modules", "var", "build"}
#: Words that say nothing about what a thing is.
EMPTY_WORDS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "manager",
    "base",
    "data",
    "info",
    "payload",
    "service",
}
#: Put together here, so that this file does not hold what it looks for.
HOSTS = [
    "".join(parts)
    for parts in [
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("registry.", "npmjs"),
        ("repo.maven", ".apache.org"),
        ("repo1.", "maven.org"),
        ("proxy.", "golang.org"),
        ("crates", ".io"),
        ("deb.", "debian.org"),
        ("--index", "-url"),
        ("--extra-index", "-url"),
        ("--find", "-links"),
    ]
]
MACHINE_PATH = re.compile(r"(?<![\w.])/(" + "|".join(("ro" + "ot", "ho" + "me", "wo" + "rk", "Us" + "ers")) + r")/\w")
UNFINISHED = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + "X" + r")\b")

Rule = Callable[[PurePosixPath, str], list[str]]


@cache
def files() -> dict[PurePosixPath, str]:
    """Every text file of ours with its source."""
    return {PurePosixPath(path.relative_to(ROOT)): text for path in _walk(ROOT) if (text := _text(path)) is not None}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or path.name.endswith(("_cache", ".egg-info")) or path.name == ".env":
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def is_ours(path: PurePosixPath) -> bool:
    """A Python module that people write and ship: no test, no generated migration."""
    return path.suffix == ".py" and path.parts[0] != "tests" and "migrations" not in path.parts


def modules_are_short(path: PurePosixPath, source: str) -> list[str]:
    most = 300 if is_ours(path) else 500
    lines = source.count("\n")
    return [f"{path}: {lines} lines, {most} at most"] if path.suffix == ".py" and lines > most else []


def workers_and_commands_are_thin(path: PurePosixPath, source: str) -> list[str]:
    worker = path.parent.name == "workers" and path.name not in {"loop.py", "flow.py", "taking.py", "floodgate.py"}
    command = path.parts[-3:-1] == ("management", "commands")
    lines = source.count("\n")
    return [f"{path}: {lines} lines, 60 at most"] if (worker or command) and path.suffix == ".py" and lines > 60 else []


def names_say_something(path: PurePosixPath, source: str) -> list[str]:
    """No folder, module, class or function is named with a word that says nothing; tests are named with sentences."""
    if path.suffix != ".py":
        return []
    places = [part.removesuffix(".py") for part in path.parts]
    definitions = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, definitions)]
    return [f"{path}: {name}" for name in places + names if words(name) & EMPTY_WORDS and not name.startswith("test_")]


def words(name: str) -> set[str]:
    """The words of a name, however it is written; not those in capitals, which others chose: SMTP's handle_DATA."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).split("_")
    return {part.lower() for part in parts if not part.isupper()}


def no_test_sleeps(path: PurePosixPath, source: str) -> list[str]:
    """A test that waits for a length of time is slow on one machine and wrong on another."""
    if path.suffix != ".py" or path.parts[0] != "tests":
        return []
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and node.args]
    naps = [node for node in calls if ast.unparse(node.func).rpartition(".")[2] == "sleep"]
    return [
        f"{path}:{nap.lineno}: sleep" for nap in naps if isinstance(nap.args[0], ast.Constant) and nap.args[0].value
    ]


def nothing_is_left_unfinished(path: PurePosixPath, source: str) -> list[str]:
    """In Python only comments count: the guardrails look for such words in what a model wrote."""
    return [f"{path}: {found[0]}" for text in _prose(path, source) for found in UNFINISHED.finditer(text)]


def _prose(path: PurePosixPath, source: str) -> list[str]:
    if path.suffix != ".py":
        return [source]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def no_machine_and_no_registry_is_named(path: PurePosixPath, source: str) -> list[str]:
    """What stands here must be true on every machine; where packages come from is each machine's own setting."""
    paths = [found[0] for found in MACHINE_PATH.finditer(source)]
    return [f"{path}: {found}" for found in paths + [host for host in HOSTS if host in source]]


def bans_are_not_waved_through(path: PurePosixPath, source: str) -> list[str]:
    """Who may read clock, dice, environment and settings is written in pyproject.toml, not beside the breach."""
    found = re.search(r"noqa:.*\bTID25" + "1", source)
    return [f"{path}: {found[0]}"] if path.suffix == ".py" and found else []


def the_core_is_pure(path: PurePosixPath, source: str) -> list[str]:
    """The domain imports the standard library and itself; the verbs that, and their ports."""
    ours = {
        ("healthnotify", "domain"): ("healthnotify.domain",),
        ("healthnotify", "pipeline"): ("healthnotify.domain", "healthnotify.pipeline"),
    }.get(path.parts[:2])
    if ours is None or path.suffix != ".py":
        return []
    imported = set(_imported(ast.parse(source)))
    return [f"{path}: {name}" for name in sorted(imported) if not (name.startswith(ours) or _is_standard(name))]


def the_domain_does_nothing(path: PurePosixPath, source: str) -> list[str]:
    """No log, no file, no socket, no process, no thread in the domain, though the standard library has them all."""
    doers = {
        "asyncio",
        "logging",
        "os",
        "pathlib",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "threading",
        "urllib.request",
    }
    if path.parts[:2] != ("healthnotify", "domain") or path.suffix != ".py":
        return []
    return [f"{path}: {name}" for name in _imported(ast.parse(source)) if name in doers]


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def pins_have_hashes(path: PurePosixPath, source: str) -> list[str]:
    if path.parts[0] != "requirements":
        return []
    blocks = re.split(r"\n(?=\S)", source.strip())
    return [f"{path}: {block}" for block in blocks if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:", block, re.DOTALL)]


#: Each rule with examples that break it.
RULES: dict[Rule, list[tuple[str, str]]] = {
    modules_are_short: [("healthnotify/domain/model.py", "\n" * 301), ("tests/unit/test_model.py", "\n" * 501)],
    workers_and_commands_are_thin: [
        ("healthnotify/workers/planner.py", "\n" * 61),
        ("healthnotify/commands/management/commands/demo.py", "\n" * 61),
    ],
    names_say_something: [
        ("healthnotify/adapters/utils.py", ""),
        ("healthnotify/common/times.py", ""),
        ("healthnotify/adapters/kafka_helpers.py", ""),
        ("healthnotify/adapters/kafka.py", "class KafkaManager: ..."),
        ("healthnotify/adapters/kafka.py", "class Kafka:\n    async def _get_data(self): ..."),
    ],
    no_test_sleeps: [
        ("tests/unit/test_model.py", "import time\ntime.sleep(1)"),
        ("tests/unit/test_model.py", "async def test_it():\n    await asyncio.sleep(0.01)"),
    ],
    nothing_is_left_unfinished: [("README.md", "TO" + "DO: explain"), ("manage.py", "# FIX" + "ME")],
    no_machine_and_no_registry_is_named: [
        ("README.md", "see /ho" + "me/me/notes"),
        ("Makefile", "cd /wo" + "rk/tree"),
        ("requirements/run.txt", "--index" + "-url https://packages.example"),
        ("docs/install.md", "https://pypi" + ".org/simple"),
    ],
    bans_are_not_waved_through: [("healthnotify/domain/model.py", "import random  # noqa: S311, TID25" + "1")],
    the_core_is_pure: [
        ("healthnotify/domain/model.py", "from pydantic import BaseModel"),
        ("healthnotify/domain/model.py", "import healthnotify.pipeline.ports"),
        ("healthnotify/pipeline/plan.py", "def plan():\n    import redis"),
    ],
    the_domain_does_nothing: [("healthnotify/domain/model.py", "import logging")],
    pins_have_hashes: [
        ("requirements/run.txt", "django==5.2.1\n"),
        ("requirements/run.txt", "django>=5 --hash=sha256:0\n"),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps_the_rule(rule: Rule):
    assert [complaint for path, source in files().items() for complaint in rule(path, source)] == []


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [(rule, *example) for rule, examples in RULES.items() for example in examples],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_an_example_that_breaks_the_rule_is_refused(rule: Rule, path: str, source: str):
    assert rule(PurePosixPath(path), source)


def test_a_sleep_that_only_yields_and_a_word_within_a_word_are_fine():
    assert no_test_sleeps(PurePosixPath("tests/unit/test_model.py"), "await asyncio.sleep(0)") == []
    assert names_say_something(PurePosixPath("healthnotify/apps/database.py"), "class BaseballInformation: ...") == []


@pytest.mark.parametrize(
    ("path", "source", "code"),
    [
        ("healthnotify/domain/x.py", "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n", "TID251"),
        ("healthnotify/pipeline/x.py", "from os import environ\n\nHERE = environ\n", "TID251"),
        ("healthnotify/adapters/x.py", "import random as dice\n\nD = dice.random()\n", "TID251"),
        ("healthnotify/adapters/x.py", "import time\n\nNOW = time.time()\n", "TID251"),
        ("healthnotify/apps/users/x.py", "from django.conf import settings\n\nD = settings.DEBUG\n", "TID251"),
        ("healthnotify/workers/x.py", "from . import loop\n\nL = loop\n", "TID252"),
        ("healthnotify/apps/users/x.py", 'S = "SELECT 1 FROM t WHERE a = {}".format(input())\n', "S608"),
        ("healthnotify/domain/x.py", "A = 1\n", "D100"),
        ("healthnotify/newroom/__init__.py", "", "D104"),
        ("healthnotify/domain/x.py", "def public():\n    return 1\n", "D103"),
        ("healthnotify/domain/x.py", "def long():\n" + "    print()\n" * 31, "PLR0915"),
        ("healthnotify/domain/x.py", "A = eval(input())  # noqa\n", "PGH004"),
        ("healthnotify/domain/x.py", "A = 1  # noqa: F401\n", "RUF100"),
    ],
)
def test_ruff_refuses(path: str, source: str, code: str):
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--stdin-filename", path, "-"]
    ended = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, timeout=30, check=False)
    assert f" {code} " in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "path", ["config/environment.py", "healthnotify/bootstrap/working.py", "healthnotify/embedded/x.py"]
)
def test_ruff_lets_those_read_the_environment_who_may(path: str):
    source = '"""Reads."""\n\nimport os\n\nHERE = os.environ\n'
    command = [sys.executable, "-m", "ruff", "check", "--select=TID251", "--stdin-filename", path, "-"]
    ended = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stdout


#: One import that breaks each contract of import-linter: its name's beginning, where, and what is imported.
BREACHES = {
    "One way": ("domain/errors.py", "healthnotify.pipeline.ports"),
    "Verbs are strangers": ("pipeline/plan.py", "healthnotify.pipeline.retry"),
    "Channels are strangers": ("adapters/channels/email.py", "healthnotify.adapters.channels.sms"),
    "Nobody imports config": ("domain/errors.py", "config.settings"),
    "Adapters never import Django": ("adapters/__init__.py", "django"),
    "Apps talk to PostgreSQL only": ("apps/__init__.py", "redis"),
    "Embedded services know the domain only": ("embedded/__init__.py", "healthnotify.pipeline.ports"),
    "Only commands start embedded services": ("adapters/__init__.py", "healthnotify.embedded.process"),
}


def test_every_import_contract_is_alive(tmp_path):
    for room in ("healthnotify", "config"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for place, imported in BREACHES.values():
        with (tmp_path / "healthnotify" / place).open("a", encoding="utf-8") as module:
            module.write(f"\nimport {imported}\n")

    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"COLUMNS": "200", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    broken = re.findall(r"(?m)^(.+?) BROKEN", ended.stdout)
    assert ended.returncode == 1
    assert sorted(broken) == sorted(contract["name"] for contract in contracts), ended.stdout


def test_both_sets_of_requirements_pin_the_same():
    run, dev = (
        set(re.findall(r"(?m)^[\w.-]+==\S+", (ROOT / "requirements" / name).read_text()))
        for name in ("run.txt", "dev.txt")
    )
    assert run - dev == set()


def test_the_readme_names_only_targets_and_commands_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    commands = {path.stem for path in (ROOT / "healthnotify/commands/management/commands").glob("*.py")} | {"migrate"}

    assert set(re.findall(r"make ([a-z-]+)\b", readme)) - targets == set()
    assert set(re.findall(r"manage\.py ([a-z_]+)\b", readme)) - commands == set()
