"""The encrypted SQLite buffer and its pictures: what was acknowledged here is never lost."""
