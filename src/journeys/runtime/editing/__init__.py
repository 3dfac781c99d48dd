"""What a visual builder of journeys stands on: edits, what depends on what, previews, completion, coordinates."""
