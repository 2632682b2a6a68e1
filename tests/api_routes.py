"""Routes that only use the API's foundations, for `@pytest.mark.urls`; their names are in the table of routes."""

from django.db import DataError, OperationalError
from django.urls import include, path
from rest_framework.response import Response

from healthnotify.apps.api.conditional import check_if_match, with_etag
from healthnotify.apps.api.fields import DaysField, InstantField, LineField, StrictSerializer, WallTimeField, ZoneField
from healthnotify.apps.api.idempotency import once, speaking_of
from healthnotify.apps.api.pagination import Cursor, PageQuery
from healthnotify.apps.api.view import ApiView
from healthnotify.apps.users.models import User
from healthnotify.domain.errors import Conflict, Misconfigured, Missing, Unavailable

#: What `things/<which>` raises.
TROUBLE = {
    "missing": Missing("thing", "seven"),
    "conflict": Conflict("It is taken", "Another thing has that name"),
    "away": Unavailable("PostgreSQL", "secret-host refused"),
    "gone": OperationalError("secret-host refused"),
    "defect": DataError("secret value"),
    "misconfigured": Misconfigured("ENCRYPTION_KEYS", "secret", "secret"),
}


class ThingBody(StrictSerializer):
    external_id = LineField(max_length=64)
    zone = ZoneField(required=False)
    at = InstantField(required=False)
    times = WallTimeField(required=False)
    days = DaysField(required=False)
    fail = LineField(required=False)


class Things(ApiView):
    """Users, bare."""

    asks = {"GET": PageQuery}  # noqa: RUF012

    def get(self, request):
        cursor = Cursor.of(request, self.asked)
        rows = cursor.slice(User.objects, "-created_at", "-id")
        return cursor.answer(rows, lambda row: (row.created_at, row.id), lambda page: [row.external_id for row in page])

    @once
    def post(self, request):
        body = self.given(ThingBody)
        user = User.objects.create(external_id=body["external_id"], name_sealed="", timezone="Europe/Berlin")
        if "fail" in body:
            raise TROUBLE[body["fail"]]
        answer = Response({"id": user.id, "created_at": user.created_at}, status=201, headers={"Location": "/thing"})
        return speaking_of(answer, user.id)


class Thing(ApiView):
    """One value, kept in the class."""

    kept = {"value": 1}  # noqa: RUF012

    def get(self, _request, which):
        if which in TROUBLE:
            raise TROUBLE[which]
        return with_etag(Response(dict(self.kept)))

    def patch(self, request, which):
        check_if_match(request, self.kept)
        return with_etag(Response(dict(self.kept)))


routes = [
    path("things", Things.as_view(), name="users"),
    path("things/<which>", Thing.as_view(), name="user"),
]
urlpatterns = [path("", include((routes, "api")))]
