"""Benchmarks: run them as modules, from the top of the repository."""
