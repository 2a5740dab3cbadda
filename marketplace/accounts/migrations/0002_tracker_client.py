"""The tracker is a public native client of our OAuth provider (RFC 8252): no secret, loopback redirects, PKCE."""

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def add_client(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("oauth2_provider", "Application").objects.get_or_create(
        client_id="daybook-tracker",
        defaults={
            "name": "the Daybook tracker",
            "client_type": "public",
            "authorization_grant_type": "authorization-code",
            "client_secret": "",
            "hash_client_secret": False,
            "redirect_uris": "http://127.0.0.1/callback http://[::1]/callback",
            "skip_authorization": False,
        },
    )


def remove_client(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("oauth2_provider", "Application").objects.filter(client_id="daybook-tracker").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("oauth2_provider", "0022_refreshtoken_token_family_index"),
    ]

    operations = [migrations.RunPython(add_client, remove_client)]
