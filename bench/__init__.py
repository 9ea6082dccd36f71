"""How fast, how gentle: `make bench` measures, prints tables and writes docs/benchmarks.md."""
