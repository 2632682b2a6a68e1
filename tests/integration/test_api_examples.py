"""Every example of the API's description is tried, in the order in which a stranger would: they can be copied."""

import re
import shlex
from datetime import timedelta

import pytest

from healthnotify.apps.access import tokens
from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import FOR_KEYS, Role
from healthnotify.apps.api import example_ids
from healthnotify.apps.api.guide import GUIDE
from tests.api_client import calling
from tests.api_walk import Walk, operations
from tests.builders import a_message
from tests.postgres_store import TestedPostgres


@pytest.fixture
def walk(db, installation):
    """As an administrator, whose name and password are those of the example."""
    operator = Operator.objects.create_user("admin", "the one that was shown", Role.ADMINISTRATOR)
    return Walk(calling(tokens.hand_out(operator).access))


def write_all(at):
    """What a builder would do meanwhile: every planned notification gets its text."""
    store = TestedPostgres()
    store.stage([a_message(one) for one in store.lease_planned(at, at + timedelta(minutes=1), 100)], at)


def test_every_example_of_a_request_is_accepted(walk, installation):
    wrong = []
    asking = next(one for one in operations() if one[:2] == ("POST", "/api/v1/notifications"))
    for operation in operations():
        if operation[1].endswith("/message"):
            walk.attempt(*asking)  # the one before was taken back, by an example
            write_all(installation.at)
        wrong += walk.attempt(*operation)

    assert wrong == []
    assert walk.learnt.keys() >= {example_ids.USER, example_ids.NOTIFICATION, example_ids.KEY}


class Reader:
    """Types the guide's commands, with what earlier answers said."""

    def __init__(self, key):
        self.learnt = {"$API": "/api/v1", "$KEY": key, "<password>": "the one that was shown"}

    def type(self, command):
        """The answer to one `curl`."""
        words = shlex.split(command.replace("\\\n", " "))
        options = {"-X": ["GET"], "-H": [], "-d": []}
        while len(words) > 2 and (option := next((word for word in words if word in options), None)):
            at = words.index(option)
            options[option].append(words[at + 1])
            del words[at : at + 2]
        headers = dict(header.split(": ", 1) for header in options["-H"])
        (_, url), (body,) = words, options["-d"] or [""]
        return calling().generic(options["-X"][-1], url, body, headers.pop("Content-Type", ""), headers=headers)

    def filled(self, command):
        """The command with what has been learnt."""
        for name, text in self.learnt.items():
            command = command.replace(name, text)
        return command

    def learn(self, url, answer):
        """What a reader would copy from the answer."""
        places = {
            "/users": ("<user>", "id"),
            "/notifications": ("<notification>", "id"),
            "/tokens": ("<access>", "access"),
        }
        for end, (name, member) in places.items():
            if url.endswith(end) and answer.status_code in {200, 201}:
                self.learnt[name] = answer.json()[member]


def test_every_command_of_the_guide_works_as_it_stands_there(a_key, walk):
    reader = Reader(a_key(*FOR_KEYS))
    blocks = re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL)
    commands = [
        one for block in blocks for one in re.findall(r"^curl .*?(?=^curl |\Z)", block, re.DOTALL | re.MULTILINE)
    ]
    wrong = []
    for command in commands:
        answer = reader.type(reader.filled(command))
        reader.learn(re.search(r"\$API([\w/-]*)", command)[1], answer)
        wrong += [] if answer.status_code < 300 else [(command, answer.content)]

    assert wrong == []
    assert len(commands) == 8
