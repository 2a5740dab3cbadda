"""What `make` runs before and around the programs: set-up, checks of the repository, a trial of the built package."""
