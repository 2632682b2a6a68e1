"""The forms of somebody, and what they make of a person. A sealed value is only ever written: empty leaves it."""

from dataclasses import replace
from typing import Any, ClassVar, Final

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from healthnotify.apps.operations.administration.forms import RowForm
from healthnotify.apps.users.changes import Before
from healthnotify.apps.users.models import User
from healthnotify.domain.errors import BadInput
from healthnotify.domain.model import Channel, QuietHours
from healthnotify.domain.people import NewPerson, ZoneSource

#: Columns that are a person's fields under the same name.
SAME: Final = ("external_id", "active", "locale", "timezone", "timezone_source")


class UserForm(RowForm):
    """Somebody who is known."""

    name = forms.CharField(
        required=False,
        max_length=200,
        label="Name",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="The present one is sealed; leave this empty to keep it",
    )
    timezone_source = forms.ChoiceField(
        label="Time zone source",
        choices=[(source.value, source.value) for source in ZoneSource],
        widget=UnfoldAdminSelectWidget,
    )
    quiet_start = forms.TimeField(required=False, widget=UnfoldAdminTextInputWidget, help_text="Such as 22:00")
    quiet_end = forms.TimeField(required=False, widget=UnfoldAdminTextInputWidget, help_text="Such as 07:00")

    PLACES: ClassVar = {"quiet_hours": "quiet_end"}  #: where a refusal is shown that has no field of that name

    class Meta:
        model = User
        labels = {"timezone": "Time zone"}  # noqa: RUF012
        fields = (*SAME, "quiet_start", "quiet_end")
        help_texts = {  # noqa: RUF012
            "locale": "Such as de or de-AT",
            "timezone": "An IANA name, such as Europe/Berlin",
            "external_id": "How your own systems know them",
            "active": "Nothing is sent to somebody who is not",
        }


class NewUserForm(UserForm):
    """Somebody new."""

    email = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)
    sms = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget, help_text="With its country code")
    webhook = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget, help_text="An https URL")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True
        self.fields["name"].help_text = "It is sealed at once"


def entered(form: Any) -> NewPerson:
    """Somebody new, as the form says. Raises `BadInput`."""
    given = form.cleaned_data
    return NewPerson(
        name=given["name"],
        quiet=_quiet(given),
        addresses={channel: given[channel] for channel in Channel if given[channel]},
        **{name: given[name] for name in SAME},
    )


def altered(form: Any, before: Before) -> NewPerson:
    """Them with what was changed in the form; what others wrote meanwhile stays. Raises `BadInput`."""
    given, changes = form.cleaned_data, set(form.changed_data)
    values: dict[str, Any] = {name: given[name] for name in SAME if name in changes}
    if given["name"]:
        values["name"] = given["name"]
    if changes & {"quiet_start", "quiet_end"}:
        values["quiet"] = _quiet(given)
    return replace(before.person, **values)


def _quiet(given: dict[str, Any]) -> QuietHours | None:
    start, end = given["quiet_start"], given["quiet_end"]
    if (start is None) != (end is None):
        raise BadInput("quiet_end" if end is None else "quiet_start", "one without the other", "Give both, or none")
    return None if start is None else QuietHours(start, end)
