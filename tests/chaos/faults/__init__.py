"""The faults, a file for each few: importing this package registers them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from random import Random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.chaos.run import Run

#: The slice for CI: the ten faults that are most likely to find something, each with the sweeper on or off, whichever
#: shows more.
QUICK: Final = {1: True, 2: False, 9: False, 10: False, 15: True, 16: True, 24: False, 27: True, 35: True, 41: False}

BOTH: Final = (True, False)  # the sweeper on, and off
ON: Final = (True,)


def once(_dice: Random, _quick: bool) -> Sequence[Any]:
    """One try, without variants."""
    return (None,)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to the system."""

    number: int
    name: str
    done: str  #: what is done, a sentence
    holds: str  #: what must hold beside the invariants, a sentence
    act: Callable[["Run"], None]
    sweeper: tuple[bool, ...]
    variants: Callable[[Random, bool], Sequence[Any]]  #: of (dice, quick): one run for each, given as `run.variant`


REGISTRY: Final[dict[int, Fault]] = {}


def fault(
    number: int,
    name: str,
    *,
    done: str,
    holds: str,
    sweeper: tuple[bool, ...] = BOTH,
    variants: Callable[[Random, bool], Sequence[Any]] = once,
) -> Callable[[Callable[["Run"], None]], Callable[["Run"], None]]:
    """Register the function as that fault."""

    def register(act: Callable[["Run"], None]) -> Callable[["Run"], None]:
        assert number not in REGISTRY, f"fault {number} is there twice"
        REGISTRY[number] = Fault(number, name, done, holds, act, sweeper, variants)
        return act

    return register


def every_fault() -> list[Fault]:
    """By number."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return [REGISTRY[number] for number in sorted(REGISTRY)]
