"""Adapters between journeys and other systems; each module says what it needs."""
