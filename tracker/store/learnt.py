"""Contracts as the marketplace told them, with every version of their policy that this device learnt.

A segment is judged by the policy version that it names, and a contract that is no longer listed keeps its title.
"""

from uuid import UUID

import msgspec

from tracker.store.database import Database
from wire.contract import Contract, Policy


class Learnt:
    """Keeps and gives contracts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, contract: Contract) -> None:
        """Keep a contract as it was told, under its policy's version."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO learnt (contract, version, content) VALUES (?, ?, ?)"
                " ON CONFLICT (contract, version) DO UPDATE SET content = excluded.content",
                (str(contract.id), contract.policy.version, msgspec.json.encode(contract)),
            )

    def newest(self, contract: UUID) -> Contract | None:
        """Give a contract as it was told last, listed still or not."""
        row = self._database.row(
            "SELECT content FROM learnt WHERE contract = ? ORDER BY version DESC LIMIT 1", (str(contract),)
        )
        return None if row is None else msgspec.json.decode(bytes(row[0]), type=Contract)

    def policy(self, contract: UUID, version: int) -> Policy | None:
        """Give one version of a contract's policy, None if this device never learnt it."""
        row = self._database.row(
            "SELECT content FROM learnt WHERE contract = ? AND version = ?", (str(contract), version)
        )
        return None if row is None else msgspec.json.decode(bytes(row[0]), type=Contract).policy
