"""Benchmarks against simple baselines: ``python -m benchmarks [NAME...]``."""
