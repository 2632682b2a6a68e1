"""The one place that joins ports to adapters. Builds nothing at import.

What a worker does not use is not even imported: the adapters' libraries take two seconds of processor time in all, and
six workers on a small machine would wait for them at every start.
"""

from healthnotify.bootstrap.outside import Dice, dice, kafka, now, ring, staging
from healthnotify.bootstrap.serving import Serving, serving, watch, web, wired
from healthnotify.bootstrap.working import App, app, unsubscribe_url

__all__ = [
    "App",
    "Dice",
    "Serving",
    "app",
    "dice",
    "kafka",
    "now",
    "ring",
    "serving",
    "staging",
    "unsubscribe_url",
    "watch",
    "web",
    "wired",
]
