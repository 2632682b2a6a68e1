"""What only the real cache can show: lost data, lost servers, expiry, several callers at once."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from healthnotify.adapters.staging import RedisStaging, connect, connection
from healthnotify.adapters.staging.keys import BUCKET, BUCKETS, ENTRY, KEPT
from healthnotify.domain.errors import Misconfigured, Unavailable
from healthnotify.domain.lifecycle import State
from healthnotify.embedded.valkey import Valkey
from healthnotify.pipeline.ports import DueIndex
from tests.contract.test_staging import (
    CANCELLED,
    HIDE,
    NOW,
    PUBLISHED,
    an_entry,
    an_id,
    due_ids,
    redis_staging,
)

__all__ = ["redis_staging"]

EVERY_CALL = {
    "put": lambda staging: staging.put([an_entry()]),
    "follow": lambda staging: staging.follow([PUBLISHED]),
    "due": lambda staging: staging.due(DueIndex.DAILY, NOW, 9, HIDE),
    "is_cold": lambda staging: staging.is_cold(),
    "clear": lambda staging: staging.clear(),
    "warm": lambda staging: staging.warm(),
    "ping": lambda staging: staging.ping(),
    "stats": lambda staging: staging.stats(),
    "entries": lambda staging: list(staging.entries()),
    "forget": lambda staging: staging.forget(),
}


@pytest.fixture
def own_staging(own_valkey: Valkey) -> Iterator[RedisStaging]:
    made = connect(own_valkey.url)
    made.put([an_entry()])
    made.warm()
    yield made
    made.close()


class TestLoss:
    def test_a_flush_leaves_it_cold(self, redis_staging):
        redis_staging.put([an_entry()])
        redis_staging._redis.flushall()

        assert redis_staging.is_cold()
        assert redis_staging.due(DueIndex.DAILY, NOW, 9, HIDE) is None

    def test_a_flush_in_the_middle_of_a_rebuild_leaves_it_cold(self, redis_staging):
        redis_staging.clear()
        redis_staging.put([an_entry()])
        redis_staging._redis.flushall()
        redis_staging.warm()

        assert redis_staging.is_cold()

    def test_a_restart_leaves_it_cold_although_the_data_are_there(self, own_valkey, own_staging):
        own_valkey.restart()

        assert own_staging.is_cold()
        assert own_staging.due(DueIndex.DAILY, NOW, 9, HIDE) is None
        assert [one.entry for one in own_staging.entries()] == [an_entry()]

    def test_a_restart_in_the_middle_of_a_rebuild_leaves_it_cold(self, own_valkey, own_staging):
        own_staging.clear()
        own_valkey.restart()
        own_staging.warm()

        assert own_staging.is_cold()

    def test_forgotten_scripts_are_loaded_again(self, redis_staging):
        redis_staging.put([an_entry()])
        redis_staging._redis.script_flush()
        redis_staging.put([an_entry(2)])
        redis_staging._redis.script_flush()

        assert set(due_ids(redis_staging)) == {an_id(1), an_id(2)}

    def test_a_cut_connection_is_renewed_unseen(self, redis_staging):
        redis_staging.put([an_entry()])
        redis_staging._redis.client_kill_filter(_type="normal", skipme=False)

        assert due_ids(redis_staging) == [an_id(1)]


class TestServer:
    def test_a_killed_server_is_unavailable_at_once_and_serves_again_after_its_restart(self, own_valkey, own_staging):
        own_valkey.kill()
        started = time.monotonic()
        for call in EVERY_CALL.values():
            with pytest.raises(Unavailable, match="Redis"):
                call(own_staging)
        assert time.monotonic() - started < 5

        own_valkey.restart()
        own_staging.warm()
        assert due_ids(own_staging) == [an_id(1)]

    @pytest.mark.parametrize("call", EVERY_CALL)
    def test_a_black_hole_is_given_up(self, call, monkeypatch):
        monkeypatch.setattr(connection, "TIMEOUT", 0.1)
        with socket.create_server(("127.0.0.1", 0)) as hole:
            staging = connect(f"redis://127.0.0.1:{hole.getsockname()[1]}/0")
            started = time.monotonic()
            with pytest.raises(Unavailable):
                EVERY_CALL[call](staging)
        assert time.monotonic() - started < 2

    def test_we_wait_no_longer_than_two_seconds(self):
        settings = connect("redis://localhost/0")._redis.connection_pool.connection_kwargs

        assert settings["socket_timeout"] == settings["socket_connect_timeout"] == 2

    @pytest.mark.parametrize(
        "answer", ["LOADING data", "READONLY replica", "MISCONF disk", "BUSY script", "MASTERDOWN"]
    )
    def test_a_server_that_is_not_fit_to_serve_is_unavailable(self, answer):
        with _server_that_says(f"-{answer}\r\n".encode()) as port:
            staging = connect(f"redis://127.0.0.1:{port}/0")
            with pytest.raises(Unavailable):
                staging.put([an_entry()])

    def test_without_memory_nothing_is_put_but_what_is_there_goes_on(self, own_valkey, own_staging):
        own_staging._redis.config_set("maxmemory", "1mb")
        with pytest.raises(Unavailable, match="maxmemory"):
            own_staging.put([an_entry(number) for number in range(2, 9)])

        assert due_ids(own_staging) == [an_id(1)]
        own_staging.follow([PUBLISHED])
        assert [one.entry.state for one in own_staging.entries()] == [State.PENDING]
        assert own_staging.forget() == 1

    def test_two_callers_are_never_given_the_same_id(self, redis_staging):
        redis_staging.put([an_entry(number) for number in range(400)])
        begin = threading.Barrier(4)

        def take() -> list[object]:
            begin.wait()
            return [id_ for _ in range(50) for id_ in due_ids(redis_staging, limit=7)]

        with ThreadPoolExecutor(4) as pool:
            taken = [future.result() for future in [pool.submit(take) for _ in range(4)]]
        assert sum(map(len, taken)) == len(set().union(*taken)) == 400


class TestSetting:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://h:port/0",
            "redis://h/name",
            "redis://[::1/0",
            "redis://h/0?unknown=1",
            "redis://:hunter2/x@h:6379/0",
        ],
    )
    def test_a_malformed_url_names_the_setting_and_quotes_nothing_of_it(self, url):
        with pytest.raises(Misconfigured, match="REDIS_URL") as raised:
            connect(url)
        assert "hunter2" not in str(raised.value)

    def test_a_wrong_password_names_the_setting(self, valkey):
        staging = connect(f"redis://:hunter2@127.0.0.1:{valkey.port}/0")
        with pytest.raises(Misconfigured, match="REDIS_URL") as raised:
            staging.is_cold()
        assert "hunter2" not in str(raised.value)

    def test_a_missing_password_names_the_setting(self, valkey):
        with pytest.raises(Misconfigured, match="REDIS_URL"):
            connect(f"redis://127.0.0.1:{valkey.port}/0").put([an_entry()])

    def test_a_database_that_does_not_exist_names_the_setting(self, valkey):
        with pytest.raises(Misconfigured, match="REDIS_URL"):
            connect(valkey.url.removesuffix("0") + "4711").ping()


class TestKeys:
    def test_a_bucket_lives_as_long_as_its_last_entry(self, redis_staging):
        longest, shortest = NOW + timedelta(hours=9), NOW + timedelta(hours=1)
        redis_staging.put([an_entry(1, expires_at=longest)])
        redis_staging.put([an_entry(2, expires_at=shortest)])
        bucket = f"{BUCKET}Europe/Berlin:2099-03-08"
        assert _until(redis_staging, bucket) == longest + KEPT

        redis_staging.follow([replace(CANCELLED, at=longest + KEPT)])
        assert _until(redis_staging, bucket) == longest + 2 * KEPT

    def test_an_entry_that_expired_long_ago_can_still_be_read_once(self, redis_staging):
        now = datetime.now(UTC)
        old = an_entry(send_at=now - 9 * KEPT, expires_at=now - 8 * KEPT, due_at=now - 9 * KEPT)
        redis_staging.put([old])

        assert due_ids(redis_staging, now=now) == [an_id(1)]
        assert abs(_until(redis_staging, f"{ENTRY}{an_id(1)}") - now - KEPT) < timedelta(minutes=1)

    def test_an_entry_that_comes_back_from_its_end_is_kept_again(self, redis_staging):
        now = datetime.now(UTC)
        redis_staging.put([an_entry()])
        redis_staging.follow([replace(CANCELLED, at=now - KEPT / 2)])
        assert abs(_until(redis_staging, f"{ENTRY}{an_id(1)}") - now - KEPT) < timedelta(minutes=1)

    def test_names_of_buckets_that_are_gone_are_swept_out(self, redis_staging):
        redis_staging._redis.zadd(BUCKETS, {"Europe/Rome:2001-01-01": 1})
        redis_staging.put([an_entry()])

        assert redis_staging._redis.zrange(BUCKETS, 0, -1) == ["Europe/Berlin:2099-03-08"]

    def test_ids_without_an_entry_leave_the_index(self, redis_staging):
        redis_staging.put([an_entry()])
        redis_staging._redis.zadd("healthnotify:due:daily", {str(an_id(9)): 0})

        assert due_ids(redis_staging, limit=1) == [an_id(1)]
        assert redis_staging._redis.zrange("healthnotify:due:daily", 0, -1) == [str(an_id(1))]

    def test_a_step_takes_its_id_out_of_the_indexes_even_without_an_entry(self, redis_staging):
        redis_staging._redis.zadd("healthnotify:due:daily", {str(an_id(1)): 0})
        redis_staging.follow([PUBLISHED])

        assert redis_staging._redis.exists("healthnotify:due:daily") == 0

    def test_ids_that_do_not_wait_leave_the_index(self, redis_staging):
        redis_staging.put([an_entry(state=State.PENDING, attempt=1, due_at=None)])
        redis_staging._redis.zadd("healthnotify:due:retry", {str(an_id(1)): 0})

        assert due_ids(redis_staging, DueIndex.RETRY) == []
        assert redis_staging._redis.exists("healthnotify:due:retry") == 0

    def test_what_others_keep_on_the_server_is_left_alone(self, redis_staging):
        redis_staging._redis.mset({"theirs": 1, "healthnotify:limits:llm": 2})
        redis_staging.put([an_entry(number) for number in range(1_200)])
        redis_staging.clear()
        redis_staging.put([an_entry()])
        redis_staging.forget()

        assert set(redis_staging._redis.keys()) == {"theirs", "healthnotify:limits:llm"}

    def test_a_whole_life_uses_the_keys_of_the_map_and_no_other(self, redis_staging):
        redis_staging.clear()
        redis_staging.put([an_entry(1), an_entry(2, state=State.RETRY, attempt=1)])
        redis_staging.warm()
        due_ids(redis_staging)

        assert set(redis_staging._redis.keys()) == {
            f"healthnotify:entry:{an_id(1)}",
            f"healthnotify:entry:{an_id(2)}",
            "healthnotify:bucket:Europe/Berlin:2099-03-08",
            "healthnotify:buckets",
            "healthnotify:due:daily",
            "healthnotify:due:retry",
            "healthnotify:warm",
        }


def test_statistics_count_by_state_zone_and_date_and_index(redis_staging):
    redis_staging.put(
        [an_entry(1), an_entry(2, timezone="Asia/Tokyo"), an_entry(3, state=State.RETRY, attempt=1, due_at=NOW + HIDE)]
    )
    redis_staging.follow([PUBLISHED])
    everywhere, berlin = redis_staging.stats(), redis_staging.stats("Europe/Berlin")

    assert everywhere.by_state == {State.PENDING: 1, State.STAGED: 1, State.RETRY: 1}
    assert berlin.by_state == {State.PENDING: 1, State.RETRY: 1}
    assert [(b.timezone, n) for b, n in everywhere.by_bucket.items()] == [("Asia/Tokyo", 1), ("Europe/Berlin", 2)]
    assert (everywhere.due[DueIndex.DAILY].count, everywhere.due[DueIndex.RETRY].earliest) == (1, NOW + HIDE)
    assert everywhere.memory > 0


def _until(staging: RedisStaging, key: str) -> datetime:
    return datetime.fromtimestamp(staging._redis.expiretime(key), UTC)


class _server_that_says:  # noqa: N801 - reads as a sentence
    """Answers everything with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> int:
        return int(self._server.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        try:
            while True:
                one, _ = self._server.accept()
                threading.Thread(target=self._answer_all, args=(one,), daemon=True).start()
        except OSError:
            return

    def _answer_all(self, one: socket.socket) -> None:
        with one:
            try:
                while received := one.recv(65536):
                    one.sendall(self._answer * max(1, received.count(b"\r\n*") + received.startswith(b"*")))
            except OSError:
                return
