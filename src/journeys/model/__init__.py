"""What a space says: frozen classes that know nothing of JSON."""
