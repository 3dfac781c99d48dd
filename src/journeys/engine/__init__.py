"""The only place where a profile's state changes."""
