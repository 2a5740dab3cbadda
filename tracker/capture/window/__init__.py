"""The window port and its back ends."""
