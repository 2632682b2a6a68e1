"""What goes wrong on purpose, each fault by its name, drawn by seeded dice; and how the stand-in behaves otherwise."""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from healthnotify.embedded.stand_in.limits import HINTS
from healthnotify.embedded.stand_in.spoils import BAD, SPOILS
from healthnotify.embedded.stand_in.unsafe import MANNERS, RULES

#: Faults of the line, and of the account; those of the answer are in `SPOILS`.
LINE: Final = ("slow_2s", "slow_15s", "hang", "cut", "cut_midway")
LIMITED: Final = tuple(f"limited_{kind}" for kind in HINTS)
ACCOUNT: Final = ("error_500", "error_503", "wrong_key", "no_quota", "unknown_model", *LIMITED)
UNSAFE: Final = tuple(f"unsafe.{rule}.{manner}" for rule in RULES for manner in MANNERS)
#: All of one rule, or all there are, in turn.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "unsafe": UNSAFE,
    **{f"unsafe.{rule}": tuple(f"unsafe.{rule}.{manner}" for manner in MANNERS) for rule in RULES},
}
NAMES: Final = (*LINE, *ACCOUNT, *SPOILS, *UNSAFE, *GROUPS)
PLACES: Final = ("texts", "lines", "files")


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are of all requests, from 0 to 1; the first that fits is dealt out. Each field is an option, too."""

    limited: float = 0.0  #: share of 429
    retry_after: str = "1"  #: the header of those, in whatever form
    errors: float = 0.0  #: share of 500
    slow: float = 0.0  #: share of slow answers
    slow_seconds: float = 30.0
    bad: float = 0.0  #: share of bad answers, their kinds in turn
    kinds: tuple[str, ...] = ()  #: of bad answers; all of `BAD` when empty
    seconds: float = 0.05  #: what every answer takes
    shares: tuple[str, ...] = ()  #: any of `NAMES` with its share, such as "hang=0.1"
    on: tuple[str, ...] = ("texts", "lines")  #: where: direct calls, lines of a batch, calls for files and batches


@dataclass(frozen=True, slots=True)
class Habits:
    """How it behaves besides. Each field is an option, too."""

    requests_per_minute: int = 0  #: 0: without limit
    tokens_per_minute: int = 0
    window: float = 60.0  #: seconds whose share of a limit may come at once
    hint: str = "seconds"  #: how a 429 of the limits says when to come back
    batch_seconds: float = 0.0  #: what a batch takes
    batch_expires: float = 86_400.0  #: seconds until a batch is given up
    cached_from: int = 1024  #: tokens from which on a prompt is cached
    plain: bool = False  #: as small local servers are: no formats, no limits, only chat


@dataclass(slots=True)
class Dealer:
    """Says for each request what becomes of it."""

    faults: Faults
    dice: Random
    dealt: int = 0
    turns: dict[str, int] = field(default_factory=dict)

    def deal(self, place: str) -> str:
        """`good`, or what goes wrong: limited, error, slow, or one of `NAMES` that is no group."""
        if place not in self.faults.on:
            return "good"
        roll = self.dice.random()
        for kind, share in self._shares():
            if roll < share:
                return self._one_of(GROUPS[kind], kind) if kind in GROUPS else kind
            roll -= share
        if roll >= self.faults.bad:
            return "good"
        kind = self._one_of(self.faults.kinds or BAD, "bad")
        return self._one_of(GROUPS[kind], kind) if kind in GROUPS else kind

    def _shares(self) -> list[tuple[str, float]]:
        faults = self.faults
        named = [(name, float(share)) for name, _, share in (one.partition("=") for one in faults.shares)]
        return [("limited", faults.limited), ("error", faults.errors), ("slow", faults.slow), *named]

    def _one_of(self, kinds: tuple[str, ...], group: str) -> str:
        self.turns[group] = self.turns.get(group, -1) + 1
        return kinds[self.turns[group] % len(kinds)]


# --- as options and variables


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share; give a number from 0 to 1")
    return number


def kinds(text: str) -> tuple[str, ...]:
    """Names of bad answers, with commas."""
    return tuple(_known(kind, (*SPOILS, *UNSAFE, *GROUPS)) for kind in text.split(",") if kind)


def shares(text: str) -> tuple[str, ...]:
    """Names with their shares, with commas: hang=0.1,html=0.05."""
    given = [one.partition("=") for one in text.split(",") if one]
    return tuple(f"{_known(name, NAMES)}={share(part)}" for name, _, part in given)


def places(text: str) -> tuple[str, ...]:
    """Where faults are dealt out."""
    return tuple(_known(place, PLACES) for place in text.split(",") if place)


def hint_kind(text: str) -> str:
    """How a 429 says when to come back."""
    return _known(text, HINTS)


def switch(text: str) -> bool:
    """Yes or no."""
    return text.lower() in {"1", "true", "yes", "on"}


def _known(name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise argparse.ArgumentTypeError(f"unknown kind {name!r}; there are {', '.join(names)}")
    return name


#: Field -> how its option is read.
FAULTS: Final[Mapping[str, Callable[[str], Any]]] = {
    "limited": share,
    "retry_after": str,
    "errors": share,
    "slow": share,
    "slow_seconds": float,
    "bad": share,
    "kinds": kinds,
    "seconds": float,
    "shares": shares,
    "on": places,
}
HABITS: Final[Mapping[str, Callable[[str], Any]]] = {
    "requests_per_minute": int,
    "tokens_per_minute": int,
    "window": float,
    "hint": hint_kind,
    "batch_seconds": float,
    "batch_expires": float,
    "cached_from": int,
    "plain": switch,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """An option for each field; where it is not given, STAND_IN_… of the environment counts."""
    for kind, options in ((Faults(), FAULTS), (Habits(), HABITS)):
        for name, how in options.items():
            standard = os.environ.get(f"STAND_IN_{name.upper()}", getattr(kind, name))
            optional: dict[str, Any] = {"nargs": "?", "const": True} if how is switch else {}
            parser.add_argument(f"--{name.replace('_', '-')}", type=how, default=standard, **optional)


def as_options(faults: Faults, habits: Habits) -> list[str]:
    """What `add_options` would read them from."""
    told = []
    for kind, options in ((faults, FAULTS), (habits, HABITS)):
        for name in options:
            given = getattr(kind, name)
            told.append(f"--{name.replace('_', '-')}={','.join(given) if isinstance(given, tuple) else given}")
    return told
