"""The forms of an address, a goal and a preference, and what they make of the person they belong to."""

from dataclasses import replace
from typing import Any, ClassVar, Final

from django import forms
from django.contrib.postgres.forms import SimpleArrayField
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from healthnotify.apps.operations.administration.forms import RowForm
from healthnotify.apps.users.changes import Before
from healthnotify.apps.users.models import Address, Preference, UserGoal
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Category, Channel, Goal
from healthnotify.domain.people import NewGoal, NewPerson, NewPreference

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class PartForm(RowForm):
    """Whose it is; asked for something new only."""

    who = forms.CharField(
        label="User",
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Their whole external id",
    )


class AddressForm(PartForm):
    """Where a channel reaches them; the present address is never shown."""

    address = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="A mailbox, a number with its country code or an https URL. A present one is sealed; empty keeps it",
    )

    PLACES: ClassVar = dict.fromkeys(Channel, "address")

    class Meta:
        model = Address
        fields = ("channel", "verified")
        help_texts = {"verified": "It is known to be theirs"}  # noqa: RUF012


class GoalForm(PartForm):
    """What they work on, and how far they are."""

    notes = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget,
        help_text="Their own words. Present ones are sealed; empty keeps them",
    )

    class Meta:
        model = UserGoal
        fields = ("code", "target", "progress", "streak")


class PreferenceForm(PartForm):
    """What they want in one category, over one channel."""

    times = SimpleArrayField(
        forms.TimeField(), widget=UnfoldAdminTextInputWidget, help_text="In their time zone, such as 08:30, 18:00"
    )
    days = forms.TypedMultipleChoiceField(
        coerce=int,
        choices=list(enumerate(DAYS)),
        initial=list(range(7)),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    PLACES: ClassVar = {"every_days": "every"}

    class Meta:
        model = Preference
        fields = ("category", "channel", "enabled", "times", "days", "every")
        help_texts = {"every": "1: every one of these days; 2: every second of them; and so on"}  # noqa: RUF012


def put_address(row: Any, form: Any, before: Before, *, new: bool) -> NewPerson:
    """Them with this address. Raises `BadInput`."""
    person, channel, given = before.person, Channel(row.channel), form.cleaned_data
    _refuse_second("channel", new=new, known=channel in person.addresses)
    if new and not given["address"]:
        raise BadInput("address", "it is empty", "Give where the channel reaches them")
    verified = person.verified | {channel} if given["verified"] else person.verified - {channel}
    address = given["address"] or person.addresses[channel]
    return replace(person, addresses={**person.addresses, channel: address}, verified=verified)


def without_address(row: Any, before: Before) -> NewPerson:
    """Them without it; what they want over that channel must be gone before."""
    person, channel = before.person, Channel(row.channel)
    kept = {key: address for key, address in person.addresses.items() if key is not channel}
    return replace(person, addresses=kept, verified=person.verified - {channel})


def put_goal(row: Any, form: Any, before: Before, *, new: bool) -> NewPerson:
    """Them with this goal. Raises `BadInput`."""
    person, given = before.person, form.cleaned_data
    was = next((goal for goal in person.goals if goal.goal == row.code), None)
    _refuse_second("code", new=new, known=was is not None)
    numbers = {name: given[name] for name in ("target", "progress", "streak") if name in form.changed_data}
    notes = {"notes": given["notes"]} if given["notes"] else {}
    goal = replace(was or NewGoal(Goal(row.code)), **numbers, **notes)
    return replace(person, goals=(*without_goal(row, before).goals, goal))


def without_goal(row: Any, before: Before) -> NewPerson:
    """Them without it."""
    return replace(before.person, goals=tuple(goal for goal in before.person.goals if goal.goal != row.code))


def put_preference(row: Any, form: Any, before: Before, *, new: bool) -> NewPerson:
    """Them with this preference. Raises `BadInput`."""
    person, given = before.person, form.cleaned_data
    key = Category(row.category), Channel(row.channel)
    was = next((wish for wish in person.preferences if wish.key == key), None)
    _refuse_second("category", new=new, known=was is not None)
    values = {name: given[name] for name in ("enabled", "every") if name in form.changed_data}
    if new or "times" in form.changed_data:
        values["times"] = tuple(given["times"])
    if new or "days" in form.changed_data:
        values["days"] = frozenset(given["days"])
    wish = replace(was or NewPreference(*key, times=()), **values)
    return replace(person, preferences=(*without_preference(row, before).preferences, wish))


def without_preference(row: Any, before: Before) -> NewPerson:
    """Them without it."""
    key = (row.category, row.channel)
    return replace(before.person, preferences=tuple(wish for wish in before.person.preferences if wish.key != key))


def _refuse_second(field: str, *, new: bool, known: bool) -> None:
    if new and known:
        raise BadInput(field, "they have one already", "Change that one, or choose another")
