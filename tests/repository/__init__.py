"""The commands, the set-up and what the repository promises about itself."""
