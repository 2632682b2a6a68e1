"""The same rows by bare REST framework views: no caller, no limits, no kept answers, no middleware but the wiring."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
from django.conf import settings

django.setup()
settings.ROOT_URLCONF = "bench.bare"
settings.MIDDLEWARE = ["healthnotify.web.wiring.wire"]
settings.ALLOWED_HOSTS = ["*"]

import uvicorn
from django.core.asgi import get_asgi_application
from django.db import transaction
from django.urls import path
from rest_framework.parsers import JSONParser
from rest_framework.response import Response
from rest_framework.views import APIView

from healthnotify.apps.api import users_given as given
from healthnotify.apps.api import users_shown as shown
from healthnotify.apps.users import people, reading
from healthnotify.apps.wiring import wired


class Bare(APIView):
    """Nothing between the request and its rows."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    parser_classes = (JSONParser,)


class Users(Bare):
    """A page, and somebody new."""

    def get(self, request):
        """Fifty users."""
        found = reading.page({}, limit=50, ring=wired(request).ring)
        return Response({"items": [shown.user(known) for known in found], "next": None})

    def post(self, request):
        """Somebody new."""
        serializer = given.UserGiven(data=request.data)
        serializer.is_valid(raise_exception=True)
        at, ring = wired(request).now(), wired(request).ring
        with transaction.atomic():
            person = people.checked(given.new_person(serializer.validated_data))
            (user_id,) = people.enter([person], now=at, ring=ring)
        return Response(shown.user(reading.one(user_id, ring)), status=201)


class OneUser(Bare):
    """One user."""

    def get(self, request, user_id):
        """By id."""
        return Response(shown.user(reading.one(user_id, wired(request).ring)))


urlpatterns = [path("users", Users.as_view()), path("users/<uuid:user_id>", OneUser.as_view())]

if __name__ == "__main__":
    uvicorn.run(get_asgi_application(), port=int(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
