"""The tracker's pure core: standard library only, reads no clock."""
