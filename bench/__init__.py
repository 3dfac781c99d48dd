"""The benchmark: every figure is a ratio to a reference that runs in the same process on the same input."""
