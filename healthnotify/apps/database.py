"""Batched SQL on Django's connection: one statement a call, errors in our own words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import psycopg
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from psycopg.rows import namedtuple_row
from psycopg_pool import PoolTimeout

from healthnotify.domain.errors import Misconfigured, Unavailable

#: The server, not our statement, is the reason: the same call may be made again.
PASSING: Final = (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError, PoolTimeout)

#: What the server says when it is we who are wrong, the setting behind it, and the fix.
REFUSALS: Final = (
    ("password authentication failed", "POSTGRES_PASSWORD", "Give the password of POSTGRES_USER"),
    ("no password supplied", "POSTGRES_PASSWORD", "Give the password of POSTGRES_USER"),
    ("role ", "POSTGRES_USER", "Name a role that exists and may log in"),
    ("database ", "POSTGRES_DB", "Name a database that exists, and run migrate"),
    ("no pg_hba.conf entry", "POSTGRES_USER", "Let the server accept this user from this host"),
)


_is_held: ContextVar[bool] = ContextVar("is_held", default=False)


def rows(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    """Run one statement and answer its rows as named tuples. Raises `Unavailable` when PostgreSQL does not answer.

    Parameters are bound by the server, not by Django's client-side cursor, so that a batch travels as arrays. It is
    planned with them, each time: only so are the partitions left alone that it does not need (docs/decisions/0016).
    """
    try:
        connection.ensure_connection()
        with psycopg.Cursor(connection.connection, row_factory=namedtuple_row) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []
    except PASSING as problem:
        _give_back(is_broken=True)
        raise Unavailable("PostgreSQL", str(problem).strip().splitlines()[0]) from problem
    finally:
        _give_back()


@contextmanager
def held() -> Iterator[None]:
    """One connection for all that is asked inside; else each statement takes one from the pool and gives it back."""
    before = _is_held.set(True)
    try:
        yield
    finally:
        _is_held.reset(before)
        _give_back()


def _give_back(*, is_broken: bool = False) -> None:
    """To the pool, which throws a broken one away."""
    if not connection.in_atomic_block and (is_broken or not _is_held.get()):
        connection.close()


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """One transaction: what is written inside stays only when nothing is raised. Raises `Unavailable`."""
    try:
        with transaction.atomic():
            yield
    except PASSING as problem:
        _give_back(is_broken=True)
        raise Unavailable("PostgreSQL", str(problem).strip().splitlines()[0]) from problem
    finally:
        _give_back()


def ping() -> None:
    """Ask for a sign of life. Raises `Unavailable`."""
    rows("SELECT 1", {})


def check() -> None:
    """Connect once, outside of the pool, whose own errors say only that it waited, and look for the tables.

    Raises `Misconfigured` naming the setting when the server refuses us or has no tables, `Unavailable` when it does
    not answer.
    """
    if "POSTGRES_HOST" in _parameters()["host"]:  # what the settings say where there is none
        raise Misconfigured("POSTGRES_HOST", "it is not set", "Name the server")
    try:
        with psycopg.connect(**_parameters()) as fresh:
            if fresh.execute("SELECT to_regclass('notifications')").fetchone() == (None,):
                raise Misconfigured("POSTGRES_DB", "the database has no tables yet", "Run manage.py migrate")
    except psycopg.OperationalError as problem:
        text = str(problem).strip()
        for trace, setting, fix in REFUSALS:
            if trace in text:
                raise Misconfigured(setting, text.splitlines()[-1], fix) from None
        raise Unavailable("PostgreSQL", f"{text.splitlines()[-1]} (POSTGRES_HOST, POSTGRES_PORT)") from None


def _parameters() -> dict[str, Any]:
    wrapper = connections["default"]
    parameters = dict(wrapper.get_connection_params())
    return {
        key: value for key, value in parameters.items() if key in ("dbname", "user", "password", "host", "port")
    } | {"connect_timeout": 5}
