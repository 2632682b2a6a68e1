"""`Idempotency-Key`: a POST that is sent again has its effect once and its answer again, for seven days."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from healthnotify.apps.access.models import KeptAnswer
from healthnotify.apps.api.problems import InFlight
from healthnotify.apps.api.view import ApiView
from healthnotify.domain.errors import BadInput

KEPT_FOR: Final = timedelta(days=7)
CLEARED_AT_ONCE: Final = 20  # old answers, by each request that keeps a new one
HEADERS: Final = ("Location", "ETag", "Content-Type")
REPLAYED: Final = "Idempotent-Replayed"

Handler = TypeVar("Handler", bound=Callable[..., Response])


def once(handler: Handler) -> Handler:
    """For a POST's handler: one transaction, and one effect for each `Idempotency-Key` of a caller.

    The answer is kept in the transaction of the effect: a crash leaves both or neither. Errors are not kept: they
    changed nothing, so the same key may be tried again.
    """

    @wraps(handler)
    def kept(view: ApiView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key(request)
        with transaction.atomic():
            if key is None:
                return handler(view, request, *args, **kwargs)
            _alone(view.actor, key)
            fingerprint = _fingerprint(request)
            earlier = KeptAnswer.objects.filter(caller=view.actor, key=key).first()
            if earlier and earlier.created_at > view.now - KEPT_FOR:
                return _replay(view, earlier, fingerprint)
            if earlier:
                earlier.delete()
            response = handler(view, request, *args, **kwargs)
            if 200 <= response.status_code < 300:
                _keep(view, key, fingerprint, response)
            return response

    kept.takes_key = True  # type: ignore[attr-defined]
    return kept  # type: ignore[return-value]


def speaking_of(response: Response, user_id: UUID) -> Response:
    """Say of whom an answer speaks: erasing them erases what is kept of it."""
    response.speaks_of = user_id  # type: ignore[attr-defined]
    return response


def keeping(response: Response, body: Any) -> Response:
    """Say what is kept instead of the answer's body: a secret that is shown once is not shown again."""
    response.kept_body = body  # type: ignore[attr-defined]
    return response


def _key(request: Request) -> str | None:
    given = request.headers.get("Idempotency-Key")
    if given is not None and not (1 <= len(given) <= 255 and all("!" <= character <= "~" for character in given)):
        fix = "Give 1 to 255 visible ASCII characters, such as a UUID"
        raise BadInput("Idempotency-Key", "it is not usable", fix)
    return given


def _alone(caller: str, key: str) -> None:
    """Nobody else works on this key until our transaction ends. Raises `InFlight`."""
    number = int.from_bytes(hashlib.sha256(f"{caller}\0{key}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if cursor.fetchone() != (True,):
            raise InFlight


def _fingerprint(request: Request) -> str:
    """Of method, address and what the body says; its blanks and the order of its members do not count."""
    said = json.dumps(request.data, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n{said}".encode()).hexdigest()


def _replay(view: ApiView, earlier: KeptAnswer, fingerprint: str) -> Response:
    if earlier.fingerprint != fingerprint:
        raise BadInput(
            "Idempotency-Key", "it belongs to another request", "Choose a new key, or send the same request again"
        )
    said = json.loads(view.wired.ring.open(earlier.answer_sealed, _about(earlier.caller, earlier.key)))
    return Response(said["body"], status=earlier.status, headers={**said["headers"], REPLAYED: "true"})


def _keep(view: ApiView, key: str, fingerprint: str, response: Response) -> None:
    headers = {name: response[name] for name in HEADERS if name in response.headers}
    said = json.dumps({"headers": headers, "body": getattr(response, "kept_body", response.data)}, cls=JSONEncoder)
    KeptAnswer.objects.create(
        caller=view.actor,
        key=key,
        fingerprint=fingerprint,
        created_at=view.now,
        status=response.status_code,
        answer_sealed=view.wired.ring.seal(said, _about(view.actor, key)),
        user_id=getattr(response, "speaks_of", None),
    )
    old = KeptAnswer.objects.filter(created_at__lte=view.now - KEPT_FOR).order_by("created_at")
    clear = old.select_for_update(skip_locked=True)[:CLEARED_AT_ONCE].values("id")
    KeptAnswer.objects.filter(id__in=clear).delete()


def _about(caller: str, key: str) -> str:
    return f"kept_answers.answer:{caller}:{key}"
