"""A naive reference implementation of the contract, and random spaces and calls: an oracle for tests.

Nothing here is fast and nothing is shared with the product. `interpreter.simulate` gives the trace,
`generate` makes spaces and calls, `compare` holds an implementation against the oracle.
"""
