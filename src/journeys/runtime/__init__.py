"""Between the engine and the world: evaluators, stores, destinations, pictures."""
