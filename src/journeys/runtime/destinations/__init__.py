"""Destinations: one module per vendor, and what they share in the modules that begin with an underscore."""
