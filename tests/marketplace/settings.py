"""The marketplace's own settings on a throw-away data folder; only what would make tests slow is changed."""

import atexit
import os
import shutil
import tempfile

from marketplace.config import environment

_FOLDER = tempfile.mkdtemp(prefix="daybook-tests-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
os.environ[environment.DATA] = _FOLDER
os.environ[environment.BIND] = "127.0.0.1:8000"
os.environ[environment.LOG_LEVEL] = "WARNING"
for name in (environment.PUBLIC_URL, environment.SECRET_KEY):
    os.environ.pop(name, None)
environment.prepare(environment.read(os.environ), os.environ)

from marketplace.config.settings import *  # noqa: E402, F403 - the settings under test
from marketplace.config.settings import ALLOWED_HOSTS, DATABASES  # noqa: E402 - changed below

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a real one takes 0.3 s a log-in
DATABASES["default"]["TEST"] = {"NAME": f"{_FOLDER}/tests.sqlite3"}
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]
