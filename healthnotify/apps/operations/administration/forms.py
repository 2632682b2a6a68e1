"""Forms of the admin's pages."""

from typing import Any

from django import forms
from django.forms.models import construct_instance


class RowForm(forms.ModelForm):  # type: ignore[type-arg]
    """Remembers what it showed, so that a change is what this reader changed: what others wrote meanwhile stays."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = True

    def _post_clean(self) -> None:
        """Without the model's own rules: the functions that write know them, and name the field and the fix."""
        self.instance = construct_instance(self, self.instance, self._meta.fields, self._meta.exclude)
