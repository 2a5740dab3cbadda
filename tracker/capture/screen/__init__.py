"""The screen port and its back ends."""
