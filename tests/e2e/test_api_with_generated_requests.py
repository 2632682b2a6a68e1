"""Thousands of requests made from the API's own description, good and bad, against the running server."""

import json
import subprocess
import sys
import traceback

import pytest

from healthnotify.apps.access import tokens
from healthnotify.apps.access.models import Operator
from healthnotify.apps.access.scopes import Role

#: Not that all described data is accepted: that a zone exists, or an instant lies ahead, no description can say.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,ignored_auth"
)

#: Variables in paths: what is there, so that more than 404 is heard. Who is erased is somebody else.
CONFIGURATION = """
[parameters]
"path.user_id" = "{user}"
"path.notification_id" = "{notification}"
"path.code" = "walk_more"
"path.category" = "nudge"
"path.channel" = "email"

[[operations]]
include-name = "DELETE /api/v1/users/{{user_id}}"
parameters = {{ "path.user_id" = "{other}" }}
"""


def enter(served, path, **body):
    """The id of what is made there."""
    status, _, answer = served.call("POST", f"/api/v1/{path}", json.dumps(body).encode())
    assert status == 201, answer
    return json.loads(answer)["id"]


def configuration(served):
    """With people and a notification that exist."""
    ways = [{"channel": "email", "address": "anna@example.org"}]
    user, other = (
        enter(served, "users", external_id=name, name="Anna", timezone="Europe/Berlin", channels=ways) for name in "ab"
    )
    words = {"category": "service", "channel": "email", "template": "drink_water.nudge.en.1"}
    return CONFIGURATION.format(
        user=user, other=other, notification=enter(served, "notifications", user_id=user, **words)
    )


@pytest.mark.timeout(300)
def test_the_server_keeps_what_its_description_says(served, installation, tmp_path):
    operator = Operator.objects.create_user("generated", "a password that nobody uses", Role.ADMINISTRATOR)
    (tmp_path / "schemathesis.toml").write_text(configuration(served))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"),
        *(
            f"{served.url}/api/schema/?format=json",
            "--header",
            f"Authorization: Bearer {tokens.hand_out(operator).access}",
        ),
        *("--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "8"),
        *("--seed", "1", "--generation-deterministic", "--no-color"),
        *("--workers", "1", "--request-timeout", "20", "--continue-on-failure", "--warnings", "off"),
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)

    defects = "".join(line for found in installation.log.defects for line in traceback.format_exception(found))
    assert (ended.returncode, defects) == (0, ""), ended.stdout[-20_000:] + ended.stderr + defects
