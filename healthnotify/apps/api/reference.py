"""What the system knows by itself, goals and templates, and the proof that everything is accounted for."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from healthnotify.apps.api.conditional import with_etag
from healthnotify.apps.api.fields import StrictSerializer
from healthnotify.apps.api.view import ApiView
from healthnotify.apps.notifications.evidence import evidence
from healthnotify.domain.goals import TARGETS
from healthnotify.domain.model import Category, Goal
from healthnotify.domain.wording import FALLBACK, LANGUAGES, Template, templates


class GoalAnswer(serializers.Serializer[Any]):
    """A goal that users may have."""

    code = serializers.ChoiceField(choices=[goal.value for goal in Goal])
    target = serializers.CharField(help_text="What a target of this goal counts.")


class GoalsAnswer(serializers.Serializer[Any]):
    """Every goal."""

    items = GoalAnswer(many=True)


class TemplateQuery(StrictSerializer):
    """Which templates are wanted."""

    goal = serializers.ChoiceField(choices=[goal.value for goal in Goal], required=False, help_text="Of this goal.")
    category = serializers.ChoiceField(
        choices=[category.value for category in Category],
        required=False,
        help_text="Of this category; `service` ones have no goal.",
    )
    language = serializers.ChoiceField(choices=LANGUAGES, default=FALLBACK, help_text="In this language.")


class TemplateAnswer(serializers.Serializer[Any]):
    """A reviewed text."""

    id = serializers.CharField(
        help_text="goal.category.language.number, or service.occasion.language.number; names this text for good."
    )
    goal = serializers.ChoiceField(choices=[goal.value for goal in Goal], allow_null=True)
    category = serializers.ChoiceField(choices=[category.value for category in Category])
    language = serializers.ChoiceField(choices=LANGUAGES)
    placeholders = serializers.ListField(
        child=serializers.CharField(), help_text="What is filled in; a text with `progress` needs some progress."
    )
    technique = serializers.CharField(help_text="Number of the behaviour-change technique that it uses (BCTTv1).")
    subject = serializers.CharField()
    text = serializers.CharField()
    short = serializers.CharField(help_text="For a lock screen: nothing that strangers should not read.")


class TemplatesAnswer(serializers.Serializer[Any]):
    """Some templates."""

    items = TemplateAnswer(many=True)


class EvidenceQuery(StrictSerializer):
    """The day to prove."""

    day = serializers.DateField(
        required=False,
        error_messages={"invalid": "it is not a date. Give YYYY-MM-DD, such as 2026-11-24"},
        help_text="A local date of the users; without it, all days.",
    )


class ShareAnswer(serializers.Serializer[Any]):
    """How many notifications of one channel ended, or stand, in one way."""

    channel = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField(help_text="Why; for what was completed, whether it took a retry.")
    notifications = serializers.IntegerField()
    by_template = serializers.IntegerField(help_text="Of these, how many say a template's words.")


class EvidenceAnswer(serializers.Serializer[Any]):
    """A balance: `planned = completed + failed + cancelled + open`, nothing twice, nothing unaccounted."""

    planned = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    open = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Accepted by a channel more often than once.")
    unaccounted = serializers.IntegerField(help_text="What the ledger contradicts itself about.")
    balances = serializers.BooleanField()
    possible_copies = serializers.IntegerField(help_text="Sent again after a crash, where a copy does no harm.")
    dropped = serializers.IntegerField(help_text="Of `planned`, dropped for their age: only these sums are left.")
    unknown_outcomes = serializers.ListField(
        child=serializers.UUIDField(), help_text="Ids of texts that may have arrived."
    )
    shares = ShareAnswer(many=True, help_text="What the sums are made of.")


GOALS = {"items": [{"code": goal.value, "target": counted} for goal, counted in TARGETS.items()]}


class Goals(ApiView):
    """GET /goals."""

    @extend_schema(
        summary="The goals that the system knows",
        description="A user's goal is one of these. Its target and progress are whole numbers of what `target` says.",
        responses={
            200: OpenApiResponse(GoalsAnswer, "Every goal.", [OpenApiExample("goals", {"items": GOALS["items"][:2]})])
        },
    )
    def get(self, _request: Request) -> Response:
        """Every goal, with what its target counts."""
        return with_etag(Response(GOALS))


class Templates(ApiView):
    """GET /templates."""

    asks: ClassVar = {"GET": TemplateQuery}

    @extend_schema(
        summary="The reviewed texts",
        description=(
            "What is sent when the model gives nothing usable, or when a notification asks for a template by its id."
        ),
        responses={
            200: OpenApiResponse(
                TemplatesAnswer,
                "The templates, in the order of goals and numbers.",
                [
                    OpenApiExample(
                        "templates",
                        {
                            "items": [
                                {
                                    "id": "drink_water.nudge.en.1",
                                    "goal": "drink_water",
                                    "category": "nudge",
                                    "language": "en",
                                    "placeholders": ["greeting"],
                                    "technique": "12.5",
                                    "subject": "A glass of water",
                                    "text": "{greeting}\nWith a glass of water within reach it is easier to remember.",
                                    "short": "A glass of water within reach?",
                                }
                            ]
                        },
                    )
                ],
            )
        },
    )
    def get(self, _request: Request) -> Response:
        """The templates of a language, of one goal or of all, of one category or of all."""
        goals = [Goal(self.asked["goal"])] if "goal" in self.asked else [*Goal, None]
        found = [one for goal in goals for one in templates(goal, self.asked["language"])]
        wanted = self.asked.get("category")
        return with_etag(Response({"items": [_template(one) for one in found if wanted in (None, one.category)]}))


class EvidenceOfDay(ApiView):
    """GET /evidence."""

    asks: ClassVar = {"GET": EvidenceQuery}

    @extend_schema(
        summary="The proof for a day",
        description="Everything planned for a local date is accounted for: the balance, and what it is made of.",
        responses={
            200: OpenApiResponse(
                EvidenceAnswer,
                "The balance.",
                [
                    OpenApiExample(
                        "a day that balances",
                        {
                            "planned": 3,
                            "completed": 2,
                            "failed": 0,
                            "cancelled": 1,
                            "open": 0,
                            "duplicates": 0,
                            "unaccounted": 0,
                            "balances": True,
                            "possible_copies": 0,
                            "dropped": 0,
                            "unknown_outcomes": [],
                            "shares": [
                                {
                                    "channel": "email",
                                    "state": "COMPLETED",
                                    "reason": "at the first try",
                                    "notifications": 2,
                                    "by_template": 0,
                                },
                                {
                                    "channel": "sms",
                                    "state": "CANCELLED",
                                    "reason": "opted_out",
                                    "notifications": 1,
                                    "by_template": 0,
                                },
                            ],
                        },
                    )
                ],
            )
        },
    )
    def get(self, _request: Request) -> Response:
        """The balance of one local date, or of all."""
        return with_etag(Response(evidence(self.asked.get("day")).as_json()))


def _template(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "goal": template.goal and template.goal.value,
        "category": template.category.value,
        "language": template.language,
        "placeholders": sorted(template.needs),
        "technique": template.technique,
        "subject": template.draft.subject,
        "text": template.draft.text,
        "short": template.short,
    }
