"""Django's settings, all of them from the one typed environment."""

from datetime import timedelta
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from config.environment import ROOT, load

ENVIRONMENT = load()

BASE_DIR = ROOT
DEBUG = False
#: Empty is allowed so that commands that touch no service run anywhere; Django refuses to sign with it.
SECRET_KEY = ENVIRONMENT.django_secret_key.get_secret_value() if ENVIRONMENT.django_secret_key else ""
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_PUBLIC = urlsplit(ENVIRONMENT.public_url)
_ENCRYPTED = _PUBLIC.scheme == "https"
ALLOWED_HOSTS = [_PUBLIC.hostname, "localhost", "127.0.0.1", "[::1]", *ENVIRONMENT.allowed_host_names]

INSTALLED_APPS = [
    "unfold",  # before the admin, whose pages it takes over
    "django.contrib.admin.apps.SimpleAdminConfig",  # what it shows is read when a request comes, not by every worker
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "csp",
    "healthnotify.apps.privacy",
    "healthnotify.apps.users",
    "healthnotify.apps.notifications",
    "healthnotify.apps.access",
    "healthnotify.apps.api",
    "healthnotify.apps.operations",
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

# --- the web process

#: Pages cannot be without a key to sign with, so there are none; `web` says so, and commands need none.
ROOT_URLCONF = "config.urls" if SECRET_KEY else ""
ASGI_APPLICATION = "config.asgi.application"
MIDDLEWARE = [
    "healthnotify.web.timing.time_requests",
    "healthnotify.web.wiring.wire",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from where they lie: there is no second copy to collect, or to forget
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600

APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # bytes; 1,000 users in one call are half of that
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _ENCRYPTED else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _ENCRYPTED
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600  # seconds: a shift
CSRF_TRUSTED_ORIGINS = [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- who may come in

AUTH_USER_MODEL = "access.Operator"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["healthnotify.apps.access.hashing.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/operations/login/"
LOGIN_REDIRECT_URL = "/operations/"
LOGOUT_REDIRECT_URL = LOGIN_URL
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # so that nobody can lock somebody else out from afar
AXES_CLIENT_IP_CALLABLE = "healthnotify.apps.access.addresses.address_of"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else `Retry-After` would be no promise
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # its middleware forgets the answer under ASGI; our log-in says 429 itself

# --- the API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "healthnotify.apps.access.authentication.KeyAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["healthnotify.apps.access.permission.RouteAllows"],
    "DEFAULT_THROTTLE_CLASSES": ["healthnotify.apps.access.throttling.PerCaller"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["healthnotify.apps.api.parsing.StrictJSON"],
    "DEFAULT_SCHEMA_CLASS": "healthnotify.apps.api.schema.RouteSchema",
    "EXCEPTION_HANDLER": "healthnotify.apps.api.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(hours=12),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "CHECK_REVOKE_TOKEN": True,  # a new password ends what was handed out for the old one
    "SIGNING_KEY": SECRET_KEY,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Health Notification System",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,  # what is refused in a request may well stand in an answer
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["healthnotify.apps.api.schema.complete"],
}
