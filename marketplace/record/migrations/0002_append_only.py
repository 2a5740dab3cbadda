"""What the log holds is never changed and never removed: the database itself refuses it."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_TABLES = ("record_leaf", "record_subtree", "record_checkpoint")


def _forbid(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for table in _TABLES:
            for what in ("UPDATE", "DELETE"):
                schema_editor.execute(
                    f"CREATE TRIGGER {table}_never_{what.lower()} BEFORE {what} ON {table}"
                    " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
                )
        return
    schema_editor.execute(
        "CREATE FUNCTION record_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$"
    )
    for table in _TABLES:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION record_append_only()"
        )


class Migration(migrations.Migration):

    dependencies = [("record", "0001_initial")]

    operations = [migrations.RunPython(_forbid)]
