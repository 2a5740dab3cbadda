"""What granian's worker runs."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from marketplace.config import environment, supervision
from marketplace.errors import SetupError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.config.settings")

application = get_wsgi_application()
if environment.secret_key(settings.ENVIRONMENT, os.environ) is None:
    raise SetupError("There is no secret key yet. Start the marketplace with `daybook-marketplace serve`.")
supervision.follow(os.environ)
