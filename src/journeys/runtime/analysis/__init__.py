"""What can be said of journeys beyond running them."""
