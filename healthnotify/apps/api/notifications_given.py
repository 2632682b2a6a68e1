"""What a caller asks of notifications and dead letters, and what they say when they want one sent."""

from typing import Any, Final

from rest_framework import serializers

from healthnotify.apps.api.fields import InstantField, LineField, StrictSerializer
from healthnotify.apps.api.pagination import PageQuery
from healthnotify.apps.api.plain_fields import ProseField, SwitchField, WholeNumberField
from healthnotify.apps.notifications.asking import Whose
from healthnotify.apps.notifications.redrive import MOST, USUAL, Chosen
from healthnotify.domain.ad_hoc import AHEAD, LONGEST_LIFE, Wanted
from healthnotify.domain.guardrails import LONGEST_SUBJECT, LONGEST_TEXT
from healthnotify.domain.lifecycle import State
from healthnotify.domain.model import Category, Channel, Draft, Goal

NOT_A_DATE: Final[dict[str, Any]] = {"invalid": "it is not a date. Give YYYY-MM-DD, such as 2026-11-24"}
NOT_AN_ID: Final[dict[str, Any]] = {"invalid": "it is not a UUID. Give 8-4-4-4-12 hexadecimal digits"}


class NotificationsQuery(PageQuery):
    """Which notifications a list is to hold: those that fulfil all that is given."""

    state = serializers.ChoiceField(choices=list(State), required=False)
    reason = LineField(max_length=64, required=False, help_text="Why it ended as it did, such as opted_out.")
    category = serializers.ChoiceField(choices=list(Category), required=False)
    channel = serializers.ChoiceField(choices=list(Channel), required=False)
    user_id = serializers.UUIDField(required=False, error_messages=NOT_AN_ID)
    external_id = LineField(max_length=64, required=False, help_text="Your own id for the user.")
    local_date = serializers.DateField(
        required=False, error_messages=NOT_A_DATE, help_text="The date on the user's wall."
    )
    send_after = InstantField(required=False, help_text="Whose send time is this or later.")
    send_before = InstantField(required=False, help_text="Whose send time is earlier.")


class NotificationGiven(StrictSerializer):
    """A notification to send: to one user, with words of your own, a template, or a goal to write about."""

    user_id = serializers.UUIDField(required=False, error_messages=NOT_AN_ID, help_text="This, or `external_id`.")
    external_id = LineField(max_length=64, required=False, help_text="Your own id for the user.")
    category = serializers.ChoiceField(choices=list(Category))
    channel = serializers.ChoiceField(choices=list(Channel), help_text="One on which the user has an address.")
    subject = LineField(
        max_length=LONGEST_SUBJECT, required=False, help_text="Together with `text`. May hold {greeting} and {name}."
    )
    text = ProseField(
        max_length=LONGEST_TEXT,
        required=False,
        help_text="What to say, in plain text, without links; an SMS takes 320 characters.",
    )
    template = LineField(max_length=64, required=False, help_text="Instead of a text: an id of `GET /templates`.")
    goal = serializers.ChoiceField(
        choices=list(Goal), required=False, help_text="Instead of a text: the model writes about it, as it always does."
    )
    send_at = InstantField(
        required=False, help_text=f"At once, when nothing is said; at most {AHEAD.days} days from now."
    )
    expires_at = InstantField(
        required=False,
        help_text=f"After which it is not sent any more; at most {LONGEST_LIFE.days} days after `send_at`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One user, and one thing to say."""
        problems: dict[str, list[str]] = {}
        if ("user_id" in attrs) is ("external_id" in attrs):
            problems["user_id"] = ["nobody is named, or twice. Give either user_id or external_id"]
        if sum(name in attrs for name in ("text", "template", "goal")) != 1:
            problems["text"] = ["there is nothing to say, or too much. Give one of text, template and goal"]
        elif ("subject" in attrs) is not ("text" in attrs):
            problems["subject"] = ["it belongs to a text, and every text has one. Give both or neither"]
        if problems:
            raise serializers.ValidationError(problems)
        return attrs


class DeadLettersQuery(PageQuery):
    """Which dead letters a list is to hold."""

    kind = serializers.ChoiceField(
        choices=["notification", "poison"],
        default="notification",
        help_text="Notifications given up, or records on the road that no notification stands behind.",
    )
    reason = LineField(max_length=64, required=False)
    channel = serializers.ChoiceField(choices=list(Channel), required=False, help_text="Of notifications only.")
    since = InstantField(required=False, help_text="Given up then or later.")


class RedriveGiven(StrictSerializer):
    """Which notifications to bring back: those with these ids or, without any, those that fulfil all that is given."""

    ids = serializers.ListField(
        child=serializers.UUIDField(error_messages=NOT_AN_ID), required=False, allow_empty=False, max_length=MOST
    )
    reason = LineField(max_length=64, required=False)
    channel = serializers.ChoiceField(choices=list(Channel), required=False)
    since = InstantField(required=False, help_text="Given up then or later.")
    max = WholeNumberField(min_value=1, max_value=MOST, required=False, help_text="How many at most; 100 if not given.")
    dry_run = SwitchField(default=True, help_text="Only say what would be done. Give false to do it.")
    accept_duplicates = SwitchField(
        default=False, help_text="Bring back even what may have been sent already (`outcome_unknown`)."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ids need no filter."""
        others = {"reason", "channel", "since", "max"} & set(attrs)
        if "ids" in attrs and others:
            problem = "it narrows what the ids say already. Give either ids or a filter"
            raise serializers.ValidationError({name: [problem] for name in sorted(others)})
        return attrs


def whose(asked: dict[str, Any]) -> Whose:
    """For whom."""
    return Whose(asked.get("user_id"), asked.get("external_id"))


def wanted(asked: dict[str, Any]) -> Wanted:
    """What is to be sent."""
    return Wanted(
        category=Category(asked["category"]),
        channel=Channel(asked["channel"]),
        draft=Draft(asked["subject"], asked["text"]) if "text" in asked else None,
        template=asked.get("template"),
        goal=Goal(asked["goal"]) if "goal" in asked else None,
        send_at=asked.get("send_at"),
        expires_at=asked.get("expires_at"),
    )


def chosen(asked: dict[str, Any]) -> Chosen:
    """What is to be brought back."""
    return Chosen(
        ids=tuple(asked.get("ids", ())),
        reason=asked.get("reason"),
        channel=Channel(asked["channel"]) if "channel" in asked else None,
        since=asked.get("since"),
        most=asked.get("max", USUAL),
    )
