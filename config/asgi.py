"""What the web server serves."""

import os

from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from healthnotify.web.bodies import bounded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_django = get_asgi_application()
_watched = import_string("healthnotify.web.health.WithWatch")(_django)  # importable only now that Django is set up
application = bounded(_watched)
