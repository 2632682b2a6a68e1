"""The user's way through README's section on containers, and what must hold on it."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from tests.containers.compose import Failed, Stack, wait

Say = Callable[[str], None]

OURS: Final = ("web", "planner", "builder", "producer", "consumer", "retry-consumer", "sweeper")
READ_ONLY: Final = (*OURS, "model", "postgres", "cache", "inbox")
MOST_MEMORY: Final = 3_000_000_000  # bytes, all limits together
STATS: Final = "{{.ID}} {{.MemUsage}}"
SCOPES: Final = "users:read,users:write,notifications:read,notifications:write"


def go(stack: Stack, say: Say) -> None:
    """From the clone to the mail, twice: once undisturbed, once past a crash. Raises `Failed`."""
    stack.run("sh", "deploy/make-secrets")
    stack.compose("build")
    say("docker-compose build")
    stack.compose("up", "-d")
    say("docker-compose up -d")
    wait_until_well(stack)
    say("every container is healthy")
    stack.manage("migrate")
    say("docker-compose exec web python manage.py migrate")
    for look in (is_hardened, secrets_stay_secret, only_this_machine_is_served):
        look(stack)
    say("not root, no capabilities, read-only, within 3 GB, no secret shown, published to loopback alone")

    api = Api(stack)
    user = api.add_user()
    written = api.notify(user, {"goal": "walk_more"})
    api.follow(written)
    wait_for_mails(stack, 1, "Ada")
    say("a notification that the model wrote went from the API to the inbox")

    crashed = ("kafka", "consumer", "producer")
    stack.crash(*crashed)
    given = api.notify(user, {"subject": "After the crash", "text": "{greeting} This was said while Kafka was away."})
    say(f"killed: {', '.join(crashed)}; a second notification was accepted meanwhile")
    wait_until_well(stack)
    for service in crashed:
        expect(service, "a restart by Docker", stack.containers()[service]["RestartCount"])
    api.follow(given)
    wait_for_mails(stack, 2, "This was said while Kafka was away.")
    say("Docker brought them back, and it arrived")
    say(stack.manage("evidence").strip().splitlines()[-1])
    say(f"memory in use: {memory(stack)}")


def wait_until_well(stack: Stack) -> None:
    """Every container healthy, the migration ended with 0. Raises `Failed` that names those that are not."""
    try:
        wait("health", lambda: not stack.unwell())
    except Failed as problem:
        raise Failed(f"{problem}: {'; '.join(stack.unwell())}") from None


def is_hardened(stack: Stack) -> None:
    """What compose.yaml asks for is what runs."""
    containers = stack.containers()
    for service, container in containers.items():
        host = container["HostConfig"]
        expect(service, "all capabilities dropped", host["CapDrop"] == ["ALL"] and not host["CapAdd"])
        expect(service, "no new privileges", any("no-new-privileges" in option for option in host["SecurityOpt"]))
        expect(service, "a memory limit", host["Memory"] > 0)
    together = sum(container["HostConfig"]["Memory"] for container in containers.values())
    expect("all", f"memory limits under {MOST_MEMORY}, not {together}", together < MOST_MEMORY)
    for service in READ_ONLY:
        tried = stack.run("docker", "exec", containers[service]["Id"], "sh", "-c", "touch /etc/written 2>&1 || true")
        expect(service, "a read-only root", "Read-only file system" in tried)
    for service in set(containers) - {"migrate"}:
        processes = stack.run("docker", "top", containers[service]["Id"], "-eo", "pid,uid").split()[3::2]
        expect(service, f"no process of root's, not {processes}", processes and "0" not in processes)


def secrets_stay_secret(stack: Stack) -> None:
    """No value of a secret in what `docker inspect`, `docker history` and the logs show, nor a file of them inside."""
    shown = json.dumps(list(stack.containers().values())) + stack.compose("logs")
    shown += stack.run("docker", "history", "--no-trunc", "healthnotify")
    for file in (stack.place / "secrets").iterdir():
        value = file.read_text().split()[-1].removeprefix("k1:")  # without the words before it, which are no secret
        expect(file.name, "its value nowhere in inspect, history and logs", value not in shown)
    inside = stack.run("docker", "run", "--rm", "healthnotify", "find", "/app", "-maxdepth", "1").split()
    expect(
        "image", "nothing but the program", not {"/app/secrets", "/app/.env", "/app/.git", "/app/tests"} & set(inside)
    )


def only_this_machine_is_served(stack: Stack) -> None:
    """No port is open to the network."""
    for service, container in stack.containers().items():
        for published in container["NetworkSettings"]["Ports"].values():
            expect(service, "loopback only", all(one["HostIp"] == "127.0.0.1" for one in published or ()))
    expect("kafka-ui", "an answer", fetch(f"http://127.0.0.1:{stack.ports['KAFKA_UI_PORT']}/"))


def expect(who: str, what: str, holds: object) -> None:
    """Raises `Failed` when it does not."""
    if not holds:
        raise Failed(f"{who}: expected {what}")


def wait_for_mails(stack: Stack, number: int, words: str) -> None:
    """So many mails are in the inbox and no more, and one of them says that; by Mailpit's API. Raises `Failed`."""
    inbox = f"http://127.0.0.1:{stack.ports['INBOX_PORT']}/api/v1"

    def found() -> list[str]:
        ids = [mail["ID"] for mail in json.loads(fetch(f"{inbox}/messages"))["messages"]]
        return [json.loads(fetch(f"{inbox}/message/{each}"))["Text"] for each in ids] if len(ids) >= number else []

    texts = wait(f"{number} mails in the inbox", found)
    expect("inbox", f"{number} mails, not {len(texts)}", len(texts) == number)
    expect("inbox", f"a mail that says {words!r}", any(words in text for text in texts))


def memory(stack: Stack) -> str:
    """What each container uses now."""
    used = dict(
        line.split()[:2] for line in stack.run("docker", "stats", "--no-stream", "--format", STATS).splitlines()
    )
    by_service = {service: used.get(found["Id"][:12]) for service, found in stack.containers().items()}
    return ", ".join(f"{service} {amount}" for service, amount in sorted(by_service.items()) if amount)


def fetch(url: str) -> str:
    """The text of a page."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


class Api:
    """The REST API at the published port, with a key made as the README says."""

    def __init__(self, stack: Stack) -> None:
        made = json.loads(stack.manage("api_key", "create", "containers", "--scopes", SCOPES, "--json"))[0]
        self._key = made["key"]
        self._root = f"http://127.0.0.1:{stack.ports['WEB_PORT']}/api/v1"

    def add_user(self) -> str:
        """Somebody with a mailbox who takes mail at any hour; gives the id."""
        far_off = (datetime.now(UTC) + timedelta(hours=12)).strftime(
            "%H:%M"
        )  # what is due while this runs is asked for
        wishes = [{"category": "nudge", "channel": "email", "times": [far_off]}]
        person = {
            "external_id": "container-1",
            "name": "Ada",
            "locale": "en",
            "timezone": "UTC",
            "channels": [{"channel": "email", "address": "ada@example.org", "verified": True}],
            "preferences": wishes,
        }
        return str(self._call("POST", "/users", person)["id"])

    def notify(self, user: str, what: dict[str, str]) -> str:
        """Send it now; gives the notification's id."""
        asked = {"user_id": user, "category": "nudge", "channel": "email", **what}
        return str(self._call("POST", "/notifications", asked)["id"])

    def follow(self, notification: str) -> None:
        """Until it is COMPLETED."""
        wait(f"{notification} COMPLETED", lambda: self._state(notification) == "COMPLETED")

    def _state(self, notification: str) -> str:
        return str(self._call("GET", f"/notifications/{notification}")["state"])

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        text = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self._root + path, text, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return dict(json.loads(answer.read()))
        except urllib.error.HTTPError as problem:
            raise Failed(f"{method} {path}: {problem.code} {problem.read().decode()}") from None
