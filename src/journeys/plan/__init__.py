"""A space is checked, then compiled for the engine."""
