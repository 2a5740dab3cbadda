"""What the tracker sees of the machine: screens, input and idleness, each behind a port with one file a platform."""
