"""What applications need to test their journeys, and stores to test themselves."""
