"""What every route of the API has: problem details, ETags, pages, queries, manners."""

from datetime import timedelta

import pytest
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext

from healthnotify.apps.access.scopes import Scope
from healthnotify.apps.users.models import User
from tests.api_client import NOON, calling

pytestmark = pytest.mark.urls("tests.api_routes")


def some_users(number):
    """Most of them came in the same instant, as those of one transaction do."""
    User.objects.bulk_create(User(external_id=f"u-{n}", name_sealed="", timezone="UTC") for n in range(number))
    User.objects.exclude(external_id="u-0").update(created_at=NOON - timedelta(days=400))


def problem(answer, status, kind):
    """The problem detail of an answer, which is one of that kind."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    told = answer.json()
    assert told["type"] == f"/api/docs/#problem-{kind}"
    assert told["status"] == status
    assert {"title", "detail", "instance"} <= {name for name, text in told.items() if text}
    return told


# --- problems


@pytest.mark.parametrize(
    ("which", "status", "kind", "says"),
    [
        ("missing", 404, "not-found", "There is no thing seven."),
        ("conflict", 409, "conflict", "Another thing has that name"),
        ("away", 503, "unavailable", "Nothing was changed"),
        ("gone", 503, "unavailable", "Nothing was changed"),
        ("defect", 500, "defect", "reported"),
        ("misconfigured", 500, "defect", "reported"),
    ],
)
def test_what_a_view_raises_becomes_a_problem_detail_without_anything_internal(api, which, status, kind, says):
    answer = api.get(f"/things/{which}")

    assert says in problem(answer, status, kind)["detail"]
    assert "secret" not in answer.content.decode()
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)


def test_a_defect_is_logged_and_an_expected_refusal_is_not(api, installation):
    api.get("/things/missing")
    assert (installation.log.defects, installation.log.notes) == ([], [])

    api.get("/things/gone")
    assert installation.log.notes == [("request.unavailable", {"kind": "OperationalError"})]
    assert installation.log.defects == []

    api.get("/things/defect")
    assert [type(found).__name__ for found in installation.log.defects] == ["DataError"]


def test_every_field_that_is_wrong_is_named_with_its_fix(api):
    answer = api.post(
        "/things", {"zone": "Mars/Olympus", "at": "tomorrow", "times": "7:30", "days": ["caturday"], "x": 1}
    )

    told = {error["field"]: error for error in problem(answer, 422, "invalid")["errors"]}
    assert set(told) == {"external_id", "zone", "at", "times", "days.0", "x"}
    assert (told["x"]["problem"], told["x"]["fix"]) == (
        "it is not known",
        "Known here: at, days, external_id, fail, times, zone",
    )
    assert "Europe/Berlin" in told["zone"]["fix"]
    assert "2026-11-24T18:30:00Z" in told["at"]["fix"]
    assert "monday" in told["days.0"]["fix"]
    assert all(error["problem"] and error["fix"] for error in told.values())
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "instant",
    [
        "2026-11-24",
        "2026-11-24T18:30:00",
        "2026-13-24T18:30:00Z",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        "2026-11-24T18:30:00+25:00",
        "1999-12-31T23:59:59Z",
        1764009000,
        "2026-W48-2T10:00Z",
    ],
)
def test_an_instant_without_offset_or_out_of_range_is_refused(api, instant):
    told = problem(api.post("/things", {"external_id": "a", "at": instant}), 422, "invalid")
    assert [error["field"] for error in told["errors"]] == ["at"]


@pytest.mark.parametrize("line", ["a\r\nBcc: b@example.org", "a\tb", "a\x1b[31m", 7, True, None, "", "  ", "x" * 65])
def test_a_line_that_could_break_a_header_is_refused(api, line):
    told = problem(api.post("/things", {"external_id": line}), 422, "invalid")
    assert [error["field"] for error in told["errors"]] == ["external_id"]


@pytest.mark.parametrize(
    ("media_type", "body", "status", "kind"),
    [
        ("application/json", b"{", 400, "malformed"),
        ("application/json", b'{"external_id": "\xff"}', 400, "malformed"),
        ("application/json", b'{"external_id": "' + b"x" * 65536 + b'"}', 413, "too-large"),
        ("application/json", b"[]", 422, "invalid"),
        ("application/json; charset=latin-1", b"{}", 415, "media-type"),
        ("text/plain", b"{}", 415, "media-type"),
        ("", b"{}", 415, "media-type"),
        ("application/x-www-form-urlencoded", b"a=b", 415, "media-type"),
        ("multipart/form-data; boundary=x", b"--x--", 415, "media-type"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(api, media_type, body, status, kind):
    problem(api.generic("POST", "/things", body, content_type=media_type), status, kind)
    assert not User.objects.exists()


# --- who asks


def test_a_stranger_hears_how_to_show_who_they_are(db, installation):
    answer = calling().get("/things")
    problem(answer, 401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_key_without_the_scope_is_refused(a_key):
    problem(calling(a_key(Scope.NOTIFICATIONS_READ)).get("/things"), 403, "forbidden")


def test_one_request_too_many_hears_when_to_come_back(api, installation):
    installation.change(requests_per_minute=2)
    answers = [api.get("/things") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    problem(answers[2], 429, "too-many")
    assert answers[2]["Retry-After"] == "7"
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]


# --- manners


def test_a_method_that_is_not_there_is_said_to_be_so_to_anybody(db, installation):
    answer = calling().put("/things", {})
    problem(answer, 405, "method")
    assert "GET" in answer["Allow"]


def test_options_and_head_do_what_http_says(api):
    options, head = api.options("/things"), api.head("/things")

    assert (options.status_code, options.content) == (204, b"")
    assert {"GET", "HEAD", "POST", "OPTIONS"} <= set(options["Allow"].split(", "))
    assert (head.status_code, head.content) == (200, b"")


def test_nothing_that_is_answered_may_be_kept_on_the_way(api):
    assert api.get("/things")["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limt=5", "limt"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=%ff", "query"),
        ("%ff=1", "query"),
    ],
)
def test_a_query_that_says_nothing_we_know_is_refused_by_name(api, query, field):
    told = problem(api.get(f"/things?{query}"), 422, "invalid")
    assert [error["field"] for error in told["errors"]] == [field]


def test_a_parameter_is_refused_where_none_is_known(api):
    told = problem(api.get("/things/one?verbose=1"), 422, "invalid")
    assert told["errors"] == [{"field": "verbose", "problem": "it is not known", "fix": "Nothing can be given here"}]


# --- pages


def test_pages_hold_everything_once_in_order_though_rows_come_in_between(api):
    some_users(7)
    first = api.get("/things?limit=3").json()
    some = User.objects.create(external_id="later", name_sealed="", timezone="UTC")
    pages = [first["items"]]
    following = first["next"]
    while following:
        page = api.get(following).json()
        pages.append(page["items"])
        following = page["next"]

    assert [len(page) for page in pages] == [3, 3, 1]
    seen = [name for page in pages for name in page]
    expected = User.objects.exclude(id=some.id).order_by("-created_at", "-id").values_list("external_id", flat=True)
    assert seen == list(expected)


def test_a_page_that_is_just_full_is_the_last_one(api):
    some_users(3)
    assert api.get("/things?limit=3").json()["next"] is None


def test_a_cursor_of_another_list_or_a_changed_one_is_refused(api):
    some_users(2)
    foreign = signing.dumps(["2026-11-24T12:00:00+00:00", "x"], salt="cursor of /other")
    assert problem(api.get(f"/things?cursor={foreign}"), 422, "invalid")["errors"][0]["field"] == "cursor"

    following = api.get("/things?limit=1").json()["next"]
    changed = following[:-1] + ("A" if following[-1] != "A" else "B")

    assert problem(api.get(changed), 422, "invalid")["errors"][0]["field"] == "cursor"


def test_a_longer_page_makes_no_more_queries(api):
    def queries(limit):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            api.get(f"/things?limit={limit}")
        return len(captured)

    some_users(50)
    queries(1)  # the first request writes the minute of the key's use
    assert queries(1) == queries(50)


# --- ETags


def test_a_change_upon_an_old_reading_is_refused(api):
    etag = api.get("/things/one")["ETag"]

    assert api.patch("/things/one", {}, if_match=etag).status_code == 200
    assert api.patch("/things/one", {}, if_match=f'"other", {etag}').status_code == 200
    assert api.patch("/things/one", {}, if_match="*").status_code == 200
    assert api.patch("/things/one", {}).status_code == 200
    problem(api.patch("/things/one", {}, if_match='"other"'), 412, "lost-update")
    problem(api.patch("/things/one", {}, if_match=f"W/{etag}"), 412, "lost-update")
    assert problem(api.patch("/things/one", {}, if_match="other"), 422, "invalid")["errors"][0]["field"] == "If-Match"


def test_what_the_caller_knows_already_is_not_sent_again(api):
    etag = api.get("/things/one")["ETag"]

    answer = api.get("/things/one", if_none_match=f'"other", W/{etag}')
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
    assert api.get("/things/one", if_none_match='"other"').status_code == 200


@pytest.mark.urls("config.urls")
def test_an_unknown_address_below_the_api_is_a_problem_detail(api):
    for path in ("/api/v1/nothing", "/api/v2/users", "/api/", "/api/v1/users/not-an-id"):
        problem(api.get(path), 404, "not-found")
    problem(api.post("/api/v1/nothing", {}), 404, "not-found")
