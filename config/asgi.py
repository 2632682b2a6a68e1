"""What the web server serves."""

import os

from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from healthnotify.web.bodies import bounded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_by_the_loop = get_asgi_application()
# What follows is importable only now that Django is set up.
_by_threads = import_string("healthnotify.web.handling.OneThread")()
_django = import_string("healthnotify.web.handling.by_kind")(_by_the_loop, _by_threads)
_watched = import_string("healthnotify.web.health.WithWatch")(_django)
application = bounded(_watched)
