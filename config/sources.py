"""The four places that a setting can come from, and their order."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from healthnotify.domain.errors import Misconfigured


def gather(names: Collection[str], environ: Mapping[str, str], dotenv: Path, secrets: Path) -> dict[str, str]:
    """What is given for each name: in `environ`, in the file of NAME_FILE, in `secrets`/NAME, else in `dotenv`.

    An empty text means "not given". Raises `Misconfigured` for a file that cannot be read and for what `.env` cannot
    mean; a name that we do not know is only refused there, because the process environment is full of other people's.
    """
    written = read_dotenv(dotenv)
    _refuse_unknown(names, written)
    found = {name: _find(name, environ, written, secrets) for name in names}
    return {name: text for name, text in found.items() if text}


def read_dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; blank lines, comments and one pair of quotes around a value are taken off."""
    values = {}
    for number, line in enumerate(_read(path, path.name).splitlines(), start=1):
        text = line.strip().removeprefix("export ").lstrip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            # The line is not shown: it may well be the second half of a secret.
            raise Misconfigured(f"{path.name}, line {number}", "it is not NAME=value", "Mend it, or begin it with #")
        values[name.strip()] = _unquoted(value.strip())
    return values


def _unquoted(value: str) -> str:
    """Between quotes everything counts; without them a comment begins at the first blank before a #."""
    quote = value[:1]
    if quote in {'"', "'"} and (end := value.find(quote, 1)) > 0:
        return value[1:end]
    return value.partition(" #")[0].rstrip()


def _refuse_unknown(names: Collection[str], written: Mapping[str, str]) -> None:
    known = set(names) | {f"{name}_FILE" for name in names}
    unknown = sorted(set(written) - known)
    if unknown:
        raise Misconfigured(".env", f"unknown name {', '.join(unknown)}", ".env.example has the names that exist")


def _find(name: str, environ: Mapping[str, str], written: Mapping[str, str], secrets: Path) -> str:
    return (
        environ.get(name, "").strip()
        or _named_file(name, environ)
        or _read(secrets / name, str(secrets / name)).strip()
        or written.get(name, "")
        or _named_file(name, written)
    )


def _named_file(name: str, given: Mapping[str, str]) -> str:
    field = f"{name}_FILE"
    path = given.get(field, "").strip()
    if not path:
        return ""
    text = _read(Path(path), field, must_exist=True).strip()
    if not text:
        raise Misconfigured(field, f"{path} is empty", f"Write the value of {name} into it, or leave {field} out")
    return text


def _read(path: Path, field: str, *, must_exist: bool = False) -> str:
    """The text of a file; nothing where there is none, unless somebody named it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Misconfigured(field, f"{path} is not UTF-8 text", "Save it as UTF-8") from None
    except OSError as problem:
        absent = isinstance(problem, FileNotFoundError) or not os.access(path.parent, os.X_OK)
        if absent and not must_exist:
            return ""
        reason = (problem.strerror or "unknown error").lower()
        raise Misconfigured(field, f"{path} cannot be read ({reason})", "Give a file that this user can read") from None
