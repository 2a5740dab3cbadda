"""The input port and its back ends."""
