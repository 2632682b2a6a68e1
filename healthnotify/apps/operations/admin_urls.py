"""Every address of the admin. Importing the pages here registers them, so that no worker pays for them."""

from typing import Final

from django.urls import URLPattern, URLResolver, path

from healthnotify.apps.access import admin as access
from healthnotify.apps.notifications import admin as notifications
from healthnotify.apps.operations.administration import workers
from healthnotify.apps.operations.administration.site import site
from healthnotify.apps.users import admin as users
from healthnotify.apps.users import admin_parts

REGISTERED: Final = (users, admin_parts, notifications, workers, access)

urlpatterns: list[URLPattern | URLResolver] = [path("", site.urls)]
