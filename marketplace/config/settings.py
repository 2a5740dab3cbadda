"""Django's settings. What an operator may change comes from the environment (`environment.py`) and nowhere else."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from marketplace.config import environment, logs

ENVIRONMENT = environment.read(os.environ)
_PACKAGE = Path(__file__).resolve().parent.parent

# Commands that only look at the code (type checks, makemigrations) run without a data folder; whatever serves people
# goes through `environment.prepare` first, and config/wsgi.py insists on it.
SECRET_KEY = environment.secret_key(ENVIRONMENT, os.environ) or secrets.token_urlsafe(50)
LOG_KEY = environment.log_key(ENVIRONMENT) or secrets.token_bytes(32)

DEBUG = False
_PUBLIC = urlsplit(ENVIRONMENT.public_url)
ALLOWED_HOSTS = [_PUBLIC.hostname or "", ENVIRONMENT.bind_host]
if ENVIRONMENT.is_loopback:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.public_url]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.is_https else None

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "oauth2_provider",
    "csp",
    "django_htmx",
    "marketplace.record",
    "marketplace.accounts",
    "marketplace.contracts",
    "marketplace.diary",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "marketplace.config.middleware.ApiErrors",
    "marketplace.config.middleware.StorageErrors",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "marketplace.config.urls"
WSGI_APPLICATION = "marketplace.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_PACKAGE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ENVIRONMENT.database,
        "CONN_MAX_AGE": None,  # closing the last connection would checkpoint the whole write-ahead log
        "OPTIONS": {
            # A transaction that reads first and writes later would otherwise fail at once when another writer was
            # faster, instead of waiting its turn.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # secure_delete: what a mark destroys must not stay readable in the file's free pages.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
            ),
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["marketplace.accounts.backends.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "marketplace.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
DEMO_LOG_INS_ALLOWED = ENVIRONMENT.is_loopback


def _device_uri_with_code(user_code: str) -> str:
    return f"{ENVIRONMENT.public_url}/o/device?user_code={user_code}"


OAUTH2_PROVIDER = {
    "SCOPES": {"tracker": "Send your recorded time and snapshots, and read your contracts"},
    "DEFAULT_SCOPES": ["tracker"],
    "ACCESS_TOKEN_EXPIRE_SECONDS": 15 * 60,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 400 * 86_400,  # a year without a network must not log a tracker out
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 600,  # an answer lost on the way must not log a tracker out
    "PKCE_REQUIRED": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["http"],  # only loopback redirects are registered (RFC 8252, section 7.3)
    "OAUTH2_VALIDATOR_CLASS": "marketplace.accounts.oauth.Validator",
    "OAUTH_DEVICE_VERIFICATION_URI": f"{ENVIRONMENT.public_url}/o/device",
    "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": _device_uri_with_code,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
}

SESSION_COOKIE_SECURE = ENVIRONMENT.is_https
CSRF_COOKIE_SECURE = ENVIRONMENT.is_https
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "marketplace.config.views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 365 * 86_400 if ENVIRONMENT.is_https else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # Bootstrap's form marks are data: images in its style sheet
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [_PACKAGE / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 3600

PICTURES = ENVIRONMENT.pictures
LOGGING_CONFIG = None
logs.configure(ENVIRONMENT.log_level)
