"""The power port and its back ends."""
