"""What can go wrong, by whose fault it is, each with the field and the fix."""

from collections.abc import Sequence


class HealthNotifyError(Exception):
    """Base of every error that this system raises on purpose."""


class BadInput(HealthNotifyError):
    """Somebody gave a value that cannot be used; nothing was changed."""

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}. {fix}")
        self.field = field
        self.problem = problem
        self.fix = fix


class Rejected(HealthNotifyError):
    """Several values cannot be used, each told with its field; nothing was changed."""

    def __init__(self, problems: Sequence[BadInput]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Misconfigured(BadInput):
    """A setting is missing, malformed or contradicts another one; the start stops here."""


class Missing(HealthNotifyError):
    """There is no such thing, or the caller may not know of it."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"There is no {kind} {key}")
        self.kind = kind
        self.key = str(key)


class Conflict(HealthNotifyError):
    """What is asked for contradicts what is already there; nothing was changed."""

    def __init__(self, title: str, detail: str) -> None:
        super().__init__(f"{title}: {detail}")
        self.title = title
        self.detail = detail


class Unavailable(HealthNotifyError):
    """A service did not answer; the work stays where it is and is tried again."""

    def __init__(self, service: str, problem: str) -> None:
        super().__init__(f"{service} is unavailable: {problem}")
        self.service = service
        self.problem = problem


class Fatal(HealthNotifyError):
    """A client is beyond repair; the process ends with a non-zero code and a new one takes over."""


class IllegalMove(HealthNotifyError):
    """The table of moves has no such move: a defect in the caller, never an expected result."""
