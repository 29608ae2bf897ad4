"""Benchmarks of model files from elsewhere: scanned, measured in a process that can harm nobody, signed."""
