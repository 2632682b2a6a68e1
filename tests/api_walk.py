"""Walks through the API by the examples of its own description."""

import json
import re

from healthnotify.apps.api import example_ids, schema

#: What stands for the variables in paths: shown ids, which become the test's own, and codes.
VARIABLES = {
    "user_id": example_ids.USER,
    "notification_id": example_ids.NOTIFICATION,
    "key_id": example_ids.KEY,
    "code": "walk_more",
    "category": "nudge",
    "channel": "email",
}
#: What an answer invents anew for everybody: ids and tokens. Examples show some; the test has its own.
INVENTED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|eyJ[\w-]*\.[\w-]*\.[\w-]*")
ORDER = ["POST", "PUT", "PATCH", "GET", "DELETE"]
FIRST = "/api/v1/users"  # whom everything else is about


def operations():
    """Method, path, operation: first what makes things, last what takes them away, the innermost first."""
    described = json.loads(schema.as_json())
    found = [(m.upper(), p, o) for p, operations in described["paths"].items() for m, o in operations.items()]
    return sorted(
        found, key=lambda one: (ORDER.index(one[0]), -len(one[1]) if one[0] == "DELETE" else one[1] != FIRST, one[1])
    )


def examples(content):
    """Name and value of each example of a body."""
    return [(name, one["value"]) for name, one in content.get("application/json", {}).get("examples", {}).items()]


class Walk:
    """Tries one example after the other, and learns what stands for the ids that are shown."""

    def __init__(self, caller):
        self.caller = caller
        self.learnt = {}

    def attempt(self, method, path, operation):
        """What went wrong with this operation's examples."""
        bodies = examples(operation.get("requestBody", {}).get("content", {})) or [("no body", None)]
        wrong = []
        for name, body in bodies:
            answer = self._send(method, self.filled(path), body)
            if not 200 <= answer.status_code < 300:
                wrong.append(f"{method} {path}, {name}: {answer.status_code} {answer.content.decode()}")
            elif answer.content:
                described = operation["responses"][str(answer.status_code)]
                wrong += self._compared(described, answer.json(), f"{method} {path}, {name}")
        return wrong

    def _send(self, method, path, body):
        if body is None:
            return self.caller.generic(method, path)
        return self.caller.generic(method, path, self.replaced(json.dumps(body)), content_type="application/json")

    def replaced(self, text):
        """That text with the test's ids in place of those that are shown."""
        return INVENTED.sub(lambda shown: self.learnt.get(shown[0], shown[0]), text)

    def filled(self, path):
        """That path with what the test has in place of its variables."""
        return self.replaced(path.format_map(VARIABLES))

    def _compared(self, described, answer, where):
        """Learns beside each shown id the real one; a complaint when no shown answer has these members."""
        shown = [value for _, value in examples(described.get("content", {}))]
        for one in shown:
            self._compare(one, answer)
        fits = any(one.keys() == answer.keys() for one in shown) or not shown
        return [] if fits else [f"{where}: an answer has {sorted(answer)}, none of the examples"]

    def _compare(self, shown, real):
        if isinstance(shown, dict) and isinstance(real, dict):
            for name in shown.keys() & real.keys():
                self._compare(shown[name], real[name])
        elif isinstance(shown, list) and isinstance(real, list):
            for one, other in zip(shown, real, strict=False):
                self._compare(one, other)
        elif isinstance(shown, str) and isinstance(real, str) and INVENTED.fullmatch(shown):
            self.learnt[shown] = real
