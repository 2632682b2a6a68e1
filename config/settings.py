"""Django's settings, all of them from the one typed environment."""

from config.environment import ROOT, load

ENVIRONMENT = load()

BASE_DIR = ROOT
DEBUG = False
#: Empty is allowed so that commands that touch no service run anywhere; Django refuses to sign with it.
SECRET_KEY = ENVIRONMENT.django_secret_key.get_secret_value() if ENVIRONMENT.django_secret_key else ""
ALLOWED_HOSTS: list[str] = []
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "healthnotify.apps.privacy",
    "healthnotify.apps.users",
    "healthnotify.apps.notifications",
    "healthnotify.commands",
]

#: Without a host there is nothing to wait for: libpq looks for a socket in this folder and fails at once, and so its
#: error says what is missing. With one, Django's pool keeps connections and waits for the server to come back.
_NO_HOST = "/POSTGRES_HOST is not set"
_POOL = {"pool": {"min_size": 0, "max_size": 8, "timeout": 10}} if ENVIRONMENT.postgres_host else {}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": ENVIRONMENT.postgres_host or _NO_HOST,
        "PORT": ENVIRONMENT.postgres_port,
        "NAME": ENVIRONMENT.postgres_db,
        "USER": ENVIRONMENT.postgres_user,
        "PASSWORD": ENVIRONMENT.postgres_password.get_secret_value(),
        "OPTIONS": {"connect_timeout": 5, **_POOL},
    }
}

LOGGING_CONFIG = None  # structlog is set up by bootstrap
