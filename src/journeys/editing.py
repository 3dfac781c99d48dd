"""For builders: edit a journey step by step, see what depends on what, preview payloads, complete names, lay it out."""
