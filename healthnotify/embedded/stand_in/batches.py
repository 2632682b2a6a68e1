"""OpenAI's Files and Batch API: a file of requests comes, and later a file of answers and one of errors are there.

Nothing runs in between: what a batch has done by now follows from its age, and is worked out when somebody asks.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from itertools import count
from random import Random
from typing import Any, Final

from aiohttp import web

from healthnotify.embedded.stand_in.answers import error
from healthnotify.embedded.stand_in.asked import CHAT, RESPONSES

DAY: Final = "24h"
MOST_LINES: Final = 50_000
OVER: Final = ("failed", "completed", "expired", "cancelled")
EXPIRED: Final = "This request could not be executed before the completion window expired."
CANCELLED: Final = "The batch was cancelled before this request was executed."

#: Path, body and batch of a line -> status and body of its answer.
Work = Callable[[str, Any, str], tuple[int, dict[str, Any]]]


@dataclass(slots=True)
class Kept:
    """A file."""

    told: dict[str, Any]
    content: bytes


@dataclass(slots=True)
class Batch:
    """One batch, and its lines as they came."""

    told: dict[str, Any]
    lines: list[dict[str, Any]]
    cancelled_at: float | None = None


@dataclass(slots=True)
class Desk:
    """Takes files and batches, and works them off."""

    work: Work
    dice: Random
    seconds: Callable[[], float]  #: what a batch takes
    expires: Callable[[], float]  #: seconds until it is given up
    clock: Callable[[], float] = time.time
    files: dict[str, Kept] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    # --- files

    def upload(self, raw: bytes, content_type: str) -> web.Response:
        """POST /v1/files."""
        form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw, policy=policy.HTTP)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        if "file" not in parts or "purpose" not in parts:
            return _bad_request("A file and its purpose are needed.")
        purpose, content = (_bytes(parts[name]) for name in ("purpose", "file"))
        if purpose.strip() != b"batch":
            return _bad_request("The purpose is not one of ['batch'].")
        return web.json_response(self._keep(content, parts["file"].get_filename() or "file", "batch").told)

    def file(self, name: str) -> web.Response:
        """GET /v1/files/{id}."""
        kept = self.files.get(name)
        return web.json_response(kept.told) if kept else _missing(f"No such File object: {name}")

    def content(self, name: str) -> web.Response:
        """GET /v1/files/{id}/content."""
        kept = self.files.get(name)
        if kept is None:
            return _missing(f"No such File object: {name}")
        return web.Response(body=kept.content, content_type="application/octet-stream")

    def delete(self, name: str) -> web.Response:
        """DELETE /v1/files/{id}."""
        gone = self.files.pop(name, None)
        if gone is None:
            return _missing(f"No such File object: {name}")
        return web.json_response({"id": name, "object": "file", "deleted": True})

    def _keep(self, content: bytes, filename: str, purpose: str) -> Kept:
        told: dict[str, Any] = {
            "id": f"file-{next(self._numbers)}",
            "object": "file",
            "bytes": len(content),
            "created_at": int(self.clock()),
            "filename": filename,
            "purpose": purpose,
            "status": "processed",
        }
        self.files[told["id"]] = kept = Kept(told, content)
        return kept

    # --- batches

    def create(self, wanted: Any) -> web.Response:
        """POST /v1/batches."""
        endpoint, kept = wanted.get("endpoint"), self.files.get(str(wanted.get("input_file_id")))
        if wanted.get("completion_window") != DAY or endpoint not in (RESPONSES, CHAT):
            return _bad_request("The completion window is 24h, the endpoint one that writes text.")
        if kept is None or kept.told["purpose"] != "batch":
            return _bad_request(f"No such File object: {wanted.get('input_file_id')}")
        now = self.clock()
        lines, errors = _lines(kept.content, endpoint)
        told = {
            "id": f"batch_{next(self._numbers)}",
            "object": "batch",
            "endpoint": endpoint,
            "input_file_id": kept.told["id"],
            "completion_window": DAY,
            "created_at": now,
            "expires_at": int(now + self.expires()),
            "status": "failed" if errors else "validating",
            "errors": {"object": "list", "data": errors} if errors else None,
            "failed_at": int(now) if errors else None,
            "output_file_id": None,
            "error_file_id": None,
            "metadata": wanted.get("metadata"),
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        self.batches[told["id"]] = batch = Batch(told, lines)
        return web.json_response(_shown(batch))

    def batch(self, name: str) -> web.Response:
        """GET /v1/batches/{id}."""
        batch = self.batches.get(name)
        if batch is None:
            return _missing(f"No such Batch object: {name}")
        self._bring_up_to_date(batch)
        return web.json_response(_shown(batch))

    def cancel(self, name: str) -> web.Response:
        """POST /v1/batches/{id}/cancel: it is `cancelling`, and `cancelled` the next time somebody looks."""
        batch = self.batches.get(name)
        if batch is None:
            return _missing(f"No such Batch object: {name}")
        self._bring_up_to_date(batch)
        if batch.told["status"] in OVER:
            return error(409, "invalid_request_error", "batch_over", f"Cannot cancel a batch that is over: {name}")
        batch.cancelled_at = self.clock()
        batch.told |= {"status": "cancelling", "cancelling_at": int(batch.cancelled_at)}
        return web.json_response(_shown(batch))

    def listed(self) -> web.Response:
        """GET /v1/batches, the newest first."""
        for batch in self.batches.values():
            self._bring_up_to_date(batch)
        shown = [_shown(batch) for batch in reversed(self.batches.values())]
        return web.json_response({"object": "list", "data": shown, "has_more": False})

    def _bring_up_to_date(self, batch: Batch) -> None:
        if batch.told["status"] in OVER:
            return
        age, takes, patience = self.clock() - batch.told["created_at"], self.seconds(), self.expires()
        done = 1.0 if takes <= 0 else min(1.0, age / takes)
        if batch.cancelled_at is not None:
            part = 1.0 if takes <= 0 else min(1.0, (batch.cancelled_at - batch.told["created_at"]) / takes)
            self._end(batch, "cancelled", part, {"code": "batch_cancelled", "message": CANCELLED})
        elif takes > patience and age >= patience:
            self._end(batch, "expired", patience / takes, {"code": "batch_expired", "message": EXPIRED})
        elif done >= 1:
            self._end(batch, "completed", 1.0, {})
        else:
            batch.told |= {"status": "in_progress", "in_progress_at": int(batch.told["created_at"])}
            batch.told["request_counts"]["completed"] = int(done * len(batch.lines))

    def _end(self, batch: Batch, status: str, part: float, why: dict[str, str]) -> None:
        """Answer the first part of the lines; the others failed for that reason. The files are in no order."""
        name, reach = batch.told["id"], int(part * len(batch.lines))
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for place, line in enumerate(batch.lines):
            answer = {"id": f"batch_req_{name}_{place}", "custom_id": line["custom_id"], "response": None, "error": why}
            if place < reach:
                code, body = self.work(batch.told["endpoint"], line["body"], name)
                answer |= {"response": {"status_code": code, "request_id": f"req_{place}", "body": body}, "error": None}
                (good if code == 200 else bad).append(answer)
            else:
                bad.append(answer)
        for kind, answers in (("output", good), ("error", bad)):
            self.dice.shuffle(answers)
            if answers:
                content = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers).encode()
                kept = self._keep(content, f"{name}_{kind}.jsonl", "batch_output")
                batch.told[f"{kind}_file_id"] = kept.told["id"]
        batch.told |= {"status": status, f"{status}_at": int(self.clock())}
        batch.told["request_counts"] |= {"completed": len(good), "failed": len(bad)}


def _bytes(part: Any) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _shown(batch: Batch) -> dict[str, Any]:
    return batch.told | {"created_at": int(batch.told["created_at"])}


def _lines(content: bytes, endpoint: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines, and what is wrong with them: one wrong line and nothing of the file is worked off."""
    lines: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    seen = set()
    for number, raw in enumerate(content.splitlines(), start=1):
        wrong: tuple[str, str | None] | None = None
        try:
            line = json.loads(raw)
            if line["url"] != endpoint or line["method"] != "POST":
                wrong = ("mismatched_url", "url")
            elif line["custom_id"] in seen:
                wrong = ("duplicate_custom_id", "custom_id")
            elif not isinstance(line["body"], dict):
                wrong = ("invalid_request", "body")
            else:
                seen.add(line["custom_id"])
                lines.append(line)
        except (ValueError, KeyError, TypeError):
            wrong = ("invalid_json_line", None)
        if wrong:
            errors.append({"code": wrong[0], "param": wrong[1], "line": number, "message": f"Line {number} is wrong."})
    if not lines and not errors:
        errors.append({"code": "empty_file", "param": None, "line": None, "message": "The file is empty."})
    if len(lines) > MOST_LINES:
        errors.append({"code": "too_many_requests", "param": None, "line": None, "message": f"{MOST_LINES} at most."})
    return lines, errors


def _bad_request(message: str) -> web.Response:
    return error(400, "invalid_request_error", "invalid_request_error", message)


def _missing(message: str) -> web.Response:
    return error(404, "invalid_request_error", "not_found", message)
