"""The operators' pages: what they show, to whom, and what their buttons do."""

import csv
import io
import json
from uuid import uuid4

import pytest

from healthnotify.apps.access.models import AuditEntry
from healthnotify.apps.access.scopes import Role
from healthnotify.apps.notifications.models import DeadLetter, EvidenceSum, Notification
from healthnotify.apps.operations.pages import dead_letters, evidence
from healthnotify.apps.users.models import Address, Preference, User, UserGoal
from healthnotify.domain.errors import Unavailable
from tests.builders import a_person
from tests.store_steps import LATER, MINUTE

pytest_plugins = ["tests.pages_world"]
pytestmark = pytest.mark.django_db

EVIDENCE = "/operations/evidence/"
ROWS = "/operations/evidence/rows/"
LETTERS = "/operations/dead-letters/"
REDRIVE = "/operations/dead-letters/redrive/"
DAY = "2026-11-23"
SECRETS = ("Anna", "anna@example.org", "4915112345678", "Ten minutes outside", "A walk")


def page_of(entry, what=""):
    return f"/operations/notifications/{entry.id}/{what}"


def text_of(answer, status=200):
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


# --- who may


@pytest.mark.parametrize(
    ("role", "address", "status"),
    [
        (Role.VIEWER, "/operations/", 200),
        (Role.VIEWER, EVIDENCE, 200),
        (Role.VIEWER, ROWS, 200),
        (Role.VIEWER, LETTERS, 403),
        (Role.OPERATOR, LETTERS, 200),
        (Role.OPERATOR, "/operations/search/?q=nobody", 404),
    ],
)
def test_a_page_is_shown_to_those_whose_role_includes_it(looking, role, address, status):
    assert looking(role).get(address).status_code == status


def test_a_viewer_sees_no_user_and_finds_none(looking, some):
    client, user = looking(Role.VIEWER), some.done.user_id

    assert client.get(f"/operations/users/{user}/").status_code == 403
    for sought in (user, "reader-0"):
        assert client.get("/operations/search/", {"q": sought}).status_code == 404
    assert f"/operations/users/{user}/" not in text_of(client.get(page_of(some.done)))


def test_only_who_may_read_messages_is_shown_the_button_and_the_text(looking, some):
    operator, administrator = looking(Role.OPERATOR), looking(Role.ADMINISTRATOR)

    assert "Read its text" not in text_of(operator.get(page_of(some.done)))
    assert operator.post(page_of(some.done, "message/")).status_code == 403
    assert "Read its text" in text_of(administrator.get(page_of(some.done)))
    assert administrator.get(page_of(some.done, "message/")).status_code == 405, "no link reads it"
    assert not AuditEntry.objects.exists()

    shown = text_of(administrator.post(page_of(some.done, "message/")))

    assert "Ten minutes outside?" in shown
    (entry,) = AuditEntry.objects.all()
    assert (entry.actor, entry.action, entry.target) == (
        "operator:administrator",
        "message_read",
        str(some.done.id),
    )


@pytest.mark.parametrize("what", ["message/", "cancel/"])
def test_a_button_needs_its_token(looking, some, what):
    client = looking(Role.ADMINISTRATOR)
    client.handler.enforce_csrf_checks = True

    assert client.post(page_of(some.waiting, what)).status_code == 403
    assert some.store.state(some.waiting.id) == "STAGED"


# --- what is never shown, and how


def test_no_page_shows_a_name_an_address_or_a_text(looking, some):
    client = looking(Role.ADMINISTRATOR)
    addresses = [
        "/operations/",
        EVIDENCE,
        f"{EVIDENCE}?day={DAY}&format=json",
        f"{ROWS}?day={DAY}",
        f"{ROWS}?day={DAY}&format=csv",
        LETTERS,
        page_of(some.done),
        page_of(some.failed),
        f"/operations/users/{some.done.user_id}/",
    ]
    for address in addresses:
        shown = text_of(client.get(address))
        assert [secret for secret in SECRETS if secret in shown] == [], address


def test_pages_are_never_kept_and_hold_neither_inline_script_nor_style(looking, some):
    answer = looking(Role.ADMINISTRATOR).get("/operations/")
    shown = text_of(answer)

    assert "no-store" in answer["Cache-Control"]
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert "style=" not in shown
    assert "<style" not in shown
    assert shown.count("<script") == shown.count('<script type="module" src="/static/operations/live.js">') == 1


def test_when_postgresql_is_away_a_page_says_so_instead_of_breaking(looking, monkeypatch, installation):
    def silence(*_args):
        raise Unavailable("PostgreSQL", "connection refused")

    monkeypatch.setattr(evidence, "evidence", silence)

    answer = looking(Role.VIEWER).get(EVIDENCE)

    assert "PostgreSQL does not answer" in text_of(answer, 503)
    assert installation.log.notes == [("page_unavailable", {"path": EVIDENCE, "problem": "Unavailable"})]


def test_the_dashboard_is_complete_without_javascript(looking, some):
    shown = text_of(looking(Role.VIEWER).get("/operations/"))

    for told in ("Moving now", "No worker is running", "smtp 550", str(some.failed.id), "Europe/<wbr>Berlin", "as of"):
        assert told in shown


# --- the search and a user's page


def test_whatever_id_one_has_leads_to_its_page(looking, some):
    client = looking(Role.OPERATOR)

    def found(text):
        return client.get("/operations/search/", {"q": text}).headers.get("Location")

    assert found(f"  {some.done.id} ") == page_of(some.done)
    assert found(some.done.user_id) == f"/operations/users/{some.done.user_id}/"
    assert found("reader-0") == f"/operations/users/{some.done.user_id}/"
    for nothing in ("reader", uuid4(), "", "x" * 500, "\0", "' OR 1=1 --", "<script>"):
        shown = text_of(client.get("/operations/search/", {"q": nothing}), 404)
        assert "<script>" not in shown


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda who: User.objects.filter(id=who).update(active=False), "The user is inactive"),
        (lambda who: Preference.objects.filter(user=who).update(enabled=False), "Every preference is switched off"),
        (lambda who: UserGoal.objects.filter(user=who).delete(), "The user has no goal"),
        (lambda who: Address.objects.filter(user=who, channel="email").delete(), "There is no address for nudge"),
        (lambda who: Preference.objects.filter(user=who).delete(), "The user has no preference"),
        (lambda who: None, "was cancelled: the user had already had as many messages"),
    ],
)
def test_a_users_page_says_why_they_got_nothing(looking, some, change, sentence):
    who = some.cancelled.user_id
    change(who)

    shown = text_of(looking(Role.OPERATOR).get(f"/operations/users/{who}/"))

    assert sentence in shown
    assert page_of(some.cancelled) in shown


def test_a_users_page_shows_their_wishes_in_their_own_time(looking, some):
    shown = text_of(looking(Role.OPERATOR).get(f"/operations/users/{some.done.user_id}/"))

    for told in ("13:05, every day", "Europe/Berlin (given)", "email, sms", "nudge by email, walk more"):
        assert told in shown


@pytest.mark.parametrize("address", ["users/{}/", "notifications/{}/"])
@pytest.mark.parametrize("key", ["nothing", str(uuid4())])
def test_what_does_not_exist_is_not_found(looking, address, key):
    assert looking(Role.ADMINISTRATOR).get("/operations/" + address.format(key)).status_code == 404


# --- a notification's page


def test_a_notification_tells_its_life_and_its_dead_letters(looking, some):
    shown = text_of(looking(Role.OPERATOR).get(page_of(some.failed)))

    for told in ("planned for 2026-11-23 13:05:00 Europe/Berlin", "given up: smtp_550", "Dead letters", "smtp 550"):
        assert told in shown
    assert "Redrive it" in shown
    assert "Cancel it" not in shown


def test_what_waits_is_cancelled_by_its_button_and_what_is_sent_is_not(looking, some, installation):
    client = looking(Role.OPERATOR)

    assert "Cancelled: it will not be sent." in text_of(client.post(page_of(some.waiting, "cancel/"), follow=True))
    assert Notification.objects.get(id=some.waiting.id).reason == "withdrawn"
    assert [step.id for step in installation.log.told] == [some.waiting.id]
    assert AuditEntry.objects.filter(action="cancelled", target=str(some.waiting.id)).count() == 1

    assert "Not cancelled. It has ended" in text_of(client.post(page_of(some.done, "cancel/"), follow=True))
    assert some.store.state(some.done.id) == "COMPLETED"
    assert client.post(f"/operations/notifications/{uuid4()}/cancel/").status_code == 404
    assert looking(Role.VIEWER).post(page_of(some.failed, "cancel/")).status_code == 403


# --- dead letters


def test_dead_letters_are_narrowed_by_reason_channel_and_day(looking, some):
    client = looking(Role.OPERATOR)

    def shown(**query):
        text = text_of(client.get(LETTERS, query))
        return {name for name in ("failed", "unknown") if page_of(getattr(some, name)) in text}

    assert shown() == {"failed", "unknown"}
    assert shown(reason="smtp_550") == {"failed"}
    assert shown(channel="sms") == {"unknown"}
    assert shown(since="2026-11-24") == set()
    assert shown(since=DAY, channel="email") == {"failed"}


@pytest.mark.parametrize("query", [{"channel": "pigeon"}, {"since": "yesterday"}, {"before": "x"}])
def test_a_filter_that_cannot_be_is_named(looking, query):
    assert f"{next(iter(query))}: " in text_of(looking(Role.OPERATOR).get(LETTERS, query), 400)


def test_more_dead_letters_than_fit_are_on_the_next_page(looking, some, monkeypatch):
    monkeypatch.setattr(dead_letters, "ROWS", 1)
    client = looking(Role.OPERATOR)

    first = text_of(client.get(LETTERS))
    last = Notification.objects.filter(state="FAILED").order_by("-ended_at", "-id").first()
    second = text_of(client.get(LETTERS, {"before": last.id}))

    assert f"before={last.id}" in first
    assert first.count('name="ids"') == second.count('name="ids"') == 1
    assert f'value="{last.id}"' not in second
    assert "Older ones" not in second


def test_records_that_nobody_could_read_are_shown(looking, some):
    DeadLetter.objects.create(
        at=LATER, reason="not_json", topic="t", partition=1, offset=7, raw=b"x", raw_sha256="ab" * 32
    )

    assert "t, partition 1, offset 7" in text_of(looking(Role.OPERATOR).get(LETTERS))


def test_the_first_step_shows_what_would_happen_and_changes_nothing(looking, some):
    shown = text_of(looking(Role.OPERATOR).post(REDRIVE, {"ids": [some.failed.id, some.unknown.id, some.done.id]}))

    assert "1 would be brought back" in shown
    assert "2 would stay where they are" in shown
    assert "it may have been sent, and a second copy was not accepted" in shown
    assert "it is not given up any more" in shown
    assert some.store.state(some.failed.id) == "FAILED"
    assert not AuditEntry.objects.exists()


def test_the_second_step_brings_back_what_can_be_once_and_tells_why_the_rest_stays(looking, some, installation):
    client, form = looking(Role.OPERATOR), {"ids": [some.failed.id, some.unknown.id], "confirmed": "on"}

    told = text_of(client.post(REDRIVE, form, follow=True))
    again = text_of(client.post(REDRIVE, form, follow=True))

    assert "1 brought back" in told
    assert "1 left where it was: it may have been sent" in told
    assert "0 brought back" in again
    assert some.store.state(some.failed.id) == "PENDING"
    assert some.store.state(some.unknown.id) == "FAILED"
    assert [step.id for step in installation.log.told] == [some.failed.id]
    assert list(AuditEntry.objects.values_list("actor", "action", "target")) == [
        ("operator:operator", "redriven", str(some.failed.id))
    ]


def test_a_second_copy_is_accepted_only_when_that_is_said(looking, some):
    form = {"ids": [some.unknown.id], "accept_duplicates": "on"}
    client = looking(Role.OPERATOR)

    assert "1 would be brought back" in text_of(client.post(REDRIVE, form))
    client.post(REDRIVE, form | {"confirmed": "on"})

    assert some.store.state(some.unknown.id) == "PENDING"


def test_all_that_fit_the_filter_are_looked_at_when_that_is_asked_for(looking, some):
    shown = text_of(
        looking(Role.OPERATOR).post(REDRIVE, {"all": "on", "reason": "smtp_550", "channel": "", "since": ""})
    )

    assert "1 would be brought back" in shown
    assert str(some.failed.id) in shown
    assert str(some.unknown.id) not in shown


@pytest.mark.parametrize("form", [{}, {"ids": ["x"]}, {"all": "on", "channel": "pigeon"}, {"all": "on", "since": "x"}])
def test_a_choice_that_cannot_be_brings_nothing_back(looking, some, form):
    told = text_of(looking(Role.OPERATOR).post(REDRIVE, form | {"confirmed": "on"}, follow=True))

    assert "Nothing was brought back." in told
    assert some.store.state(some.failed.id) == "FAILED"


def test_a_viewer_brings_nothing_back(looking, some):
    assert looking(Role.VIEWER).post(REDRIVE, {"ids": [some.failed.id], "confirmed": "on"}).status_code == 403
    assert some.store.state(some.failed.id) == "FAILED"


# --- evidence


def test_each_number_of_a_day_is_a_link_to_as_many_rows(looking, some):
    client = looking(Role.VIEWER)
    answer = client.get(EVIDENCE, {"day": DAY})

    assert "It balances" in text_of(answer)
    context = answer.context
    links = [(total, link) for _, total, link in [*context["parts"], *context["wrong"], context["planned"]]]
    links += [(share.notifications, link) for share, link in context["shares"]]
    assert context["planned"][1] == 6
    for total, link in links:
        assert link.replace("&", "&amp;") in text_of(answer)
        assert text_of(client.get(link)).count('<th scope="row"') == total, link


def test_a_number_behind_which_more_stand_than_fit_has_a_next_page(looking, some, monkeypatch):
    monkeypatch.setattr(evidence, "ROWS", 4)
    client = looking(Role.VIEWER)
    first = client.get(ROWS, {"day": DAY})

    second = client.get(first.context["next"])

    seen = [str(one.id) for page in (first, second) for one in page.context["found"]]
    assert len(seen) == len(set(seen)) == 6
    assert second.context["next"] == ""


def test_a_day_that_does_not_balance_says_so(looking, some):
    DeadLetter.objects.all().delete()

    shown = text_of(looking(Role.VIEWER).get(EVIDENCE, {"day": DAY}))

    assert "It does not balance" in shown
    assert 'aria-label="2 unaccounted: show them"' in shown


def test_a_day_whose_rows_were_dropped_says_so(looking, installation):
    sums = dict.fromkeys(("duplicates", "unaccounted", "possible_copies"), 0) | {"notifications": 7, "by_template": 1}
    way = {"channel": "email", "state": "COMPLETED", "reason": "at the first try"}
    EvidenceSum.objects.create(local_date="2025-01-02", dropped_at=installation.at, **way, **sums)

    shown = text_of(looking(Role.VIEWER).get(EVIDENCE, {"day": "2025-01-02"}))

    assert "7 notifications of this day were dropped for their age" in shown
    assert "It balances" in shown
    assert 'aria-label="7 completed: show them"' in shown
    assert "were dropped" not in text_of(looking(Role.VIEWER).get(EVIDENCE, {"day": "2025-01-03"}))


def test_the_balance_and_the_rows_can_be_taken_away(looking, some):
    Notification.objects.filter(id=some.failed.id).update(reason="=cmd()")
    client = looking(Role.VIEWER)

    balance = json.loads(text_of(client.get(EVIDENCE, {"day": DAY, "format": "json"})))
    lines = list(csv.DictReader(io.StringIO(text_of(client.get(EVIDENCE, {"day": DAY, "format": "csv"})))))
    rows = list(csv.DictReader(io.StringIO(text_of(client.get(ROWS, {"day": DAY, "format": "csv"})))))
    same = json.loads(text_of(client.get(ROWS, {"day": DAY, "format": "json"})))

    assert (balance["day"], balance["planned"], balance["balances"]) == (DAY, 6, True)
    assert {one["state"]: one["notifications"] for one in lines if one["what"] == "sum"}["failed"] == "2"
    assert sum(int(one["notifications"]) for one in lines if one["what"] == "share") == 6
    assert [one["id"] for one in rows] == [one["id"] for one in same]
    assert len(rows) == 6
    assert "'=cmd()" in {one["reason"] for one in rows}
    answer = client.get(EVIDENCE, {"day": DAY, "format": "csv"})
    assert answer["Content-Disposition"] == f'attachment; filename="evidence-{DAY}.csv"'


@pytest.mark.parametrize("address", [EVIDENCE, ROWS])
@pytest.mark.parametrize(
    "query", [{"day": "23.11.2026"}, {"day": "0001-01-01"}, {"day": "9999-12-31"}, {"format": "xml"}]
)
def test_a_day_or_format_that_is_none_is_a_clear_error(looking, address, query):
    assert f"{next(iter(query))}: " in text_of(looking(Role.VIEWER).get(address, query), 400)


@pytest.mark.parametrize("query", [{"number": "x"}, {"after": "x"}, {"channel": "email", "state": "\0"}])
def test_rows_that_cannot_be_are_a_clear_error(looking, query):
    text_of(looking(Role.VIEWER).get(ROWS, {"day": DAY} | query), 400)


def test_without_a_day_it_is_the_day_of_now(looking, installation):
    installation.later(24 * 60 * MINUTE)

    assert "Evidence of" in text_of(looking(Role.VIEWER).get(EVIDENCE))


def test_nothing_costs_more_statements_when_there_is_more_of_it(looking, some, django_assert_max_num_queries):
    client = looking(Role.OPERATOR)
    some.store.add([a_person() for _ in range(30)], LATER)
    client.get(LETTERS)  # the session is read, not written

    with django_assert_max_num_queries(6):
        client.get(LETTERS)
