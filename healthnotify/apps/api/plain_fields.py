"""Numbers, switches and longer texts as JSON has them: REST framework's own fields also take "5" for 5 and "no" for
false, and then nobody knows what a wrong caller meant."""

from typing import Any

from rest_framework import serializers


class WholeNumberField(serializers.IntegerField):
    """A whole number."""

    def to_internal_value(self, data: Any) -> int:
        """No text, no fraction, no true or false."""
        if not isinstance(data, int) or isinstance(data, bool):
            raise serializers.ValidationError("it is not a whole number. Give digits, without quotation marks")
        return int(super().to_internal_value(data))


class SwitchField(serializers.BooleanField):
    """True or false."""

    def to_internal_value(self, data: Any) -> bool:
        """No text and no number."""
        if not isinstance(data, bool):
            raise serializers.ValidationError("it is not true or false. Give one of them, without quotation marks")
        return data


class ProseField(serializers.CharField):
    """Text of any number of lines."""

    def to_internal_value(self, data: Any) -> str:
        """Numbers and booleans are not texts."""
        if not isinstance(data, str):
            raise serializers.ValidationError("it is not a text. Put it in quotation marks")
        return str(super().to_internal_value(data))
