"""What Daybook costs a machine, measured: `make bench`. Figures are printed, never asserted in tests."""
