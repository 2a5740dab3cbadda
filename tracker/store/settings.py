"""Named values in the buffer: what the tracker remembers about itself and the marketplace."""

import secrets

from tracker.store.database import KEY_BYTES, Database


class Settings:
    """Typed reading and writing of the `setting` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> bytes | None:
        """Read a value."""
        row = self._database.row("SELECT value FROM setting WHERE name = ?", (name,))
        return None if row is None else bytes(row[0])

    def get_text(self, name: str) -> str | None:
        """Read a value as text."""
        value = self.get(name)
        return None if value is None else value.decode()

    def put(self, name: str, value: bytes | str) -> None:
        """Write a value."""
        content = value.encode() if isinstance(value, str) else value
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO setting (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, content),
            )

    def delete(self, name: str) -> None:
        """Forget a value."""
        with self._database.transaction():
            self._database.execute("DELETE FROM setting WHERE name = ?", (name,))

    def picture_key(self) -> bytes:
        """Give the key of the pictures, drawn at the first call."""
        key = self.get("picture_key")
        if key is None:
            key = secrets.token_bytes(KEY_BYTES)
            self.put("picture_key", key)
        return key
