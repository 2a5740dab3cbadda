"""The idle port and its back ends."""
