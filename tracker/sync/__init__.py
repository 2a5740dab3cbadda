"""Everything that speaks to the marketplace."""
