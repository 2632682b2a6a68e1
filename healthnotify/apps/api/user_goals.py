"""What a user works on: list, read, set, take away."""

from dataclasses import replace
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from healthnotify.apps.api import users_examples as examples
from healthnotify.apps.api import users_given as given
from healthnotify.apps.api import users_shown as shown
from healthnotify.apps.api.conditional import check_if_match, with_etag
from healthnotify.apps.api.view import ApiView
from healthnotify.apps.users import changes, reading
from healthnotify.domain.errors import Missing
from healthnotify.domain.model import Goal
from healthnotify.domain.people import NewGoal, NewPerson


class Goals(ApiView):
    """All goals of a user."""

    @extend_schema(
        summary="List a user's goals",
        description="All of them; `GET /goals` says what the target of each counts.",
        responses={200: shown.GoalsShown},
        examples=[examples.told("One goal", {"items": [examples.GOAL]})],
    )
    def get(self, _request: Request, user_id: UUID) -> Response:
        """All of them."""
        goals = reading.goals_of(user_id, self.wired.ring)
        return with_etag(Response({"items": [shown.goal(goal) for goal in goals]}))


class OneGoal(ApiView):
    """One goal of a user."""

    @extend_schema(
        summary="Read a goal of a user",
        description="How far they are.",
        responses={200: given.NamedGoalGiven},
        examples=[examples.told("A goal", examples.GOAL)],
    )
    def get(self, _request: Request, user_id: UUID, code: str) -> Response:
        """One of them."""
        return with_etag(Response(shown.goal(_named(reading.goals_of(user_id, self.wired.ring), code))))

    @extend_schema(
        summary="Set a goal of a user",
        description="Adds it, or replaces what is known of it; what is left out becomes zero or empty. Goals take "
        "turns in what is written.",
        request=given.GoalGiven,
        responses={200: given.NamedGoalGiven, 201: given.NamedGoalGiven},
        examples=[examples.asked("Progress", examples.GOAL_BODY), examples.told("The goal", examples.GOAL)],
    )
    def put(self, request: Request, user_id: UUID, code: str) -> Response:
        """All of it."""
        goal = given.goal(_known(code), self.given(given.GoalGiven))
        was_there = False

        def alter(before: changes.Before) -> NewPerson:
            nonlocal was_there
            was_there = self._look(request, before, code) is not None
            return replace(before.person, goals=(*_but(before, code), goal))

        self._change(user_id, alter)
        return with_etag(Response(shown.goal(goal), status=200 if was_there else 201))

    @extend_schema(
        summary="Take a goal from a user",
        description="What is planned about it and not sent yet is re-planned about another goal; without any goal "
        "left, nothing is planned.",
        responses={204: None},
    )
    def delete(self, request: Request, user_id: UUID, code: str) -> Response:
        """With its notes."""

        def alter(before: changes.Before) -> NewPerson:
            if self._look(request, before, code) is None:
                raise Missing("goal", code)
            return replace(before.person, goals=_but(before, code))

        self._change(user_id, alter)
        return Response(status=204)

    def _look(self, request: Request, before: changes.Before, code: str) -> NewGoal | None:
        found = next((goal for goal in before.person.goals if goal.goal == code), None)
        check_if_match(request, found and shown.goal(found))
        return found

    def _change(self, user_id: UUID, alter: changes.Alter) -> None:
        wired = self.wired
        with given.rooted({"goals": ""}):
            changed = changes.change(user_id, alter, now=self.now, ring=wired.ring, http_webhooks=wired.http_webhooks)
        self.log_steps(changed.steps)


def _known(code: str) -> Goal:
    if code not in list(Goal):
        raise Missing("goal", code)
    return Goal(code)


def _named(goals: list[NewGoal], code: str) -> NewGoal:
    for goal in goals:
        if goal.goal == code:
            return goal
    raise Missing("goal", code)


def _but(before: changes.Before, code: str) -> tuple[NewGoal, ...]:
    return tuple(goal for goal in before.person.goals if goal.goal != code)
