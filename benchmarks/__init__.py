"""How fast it is, beside what anyone would write first: ``python -m benchmarks [NAME...]``."""
