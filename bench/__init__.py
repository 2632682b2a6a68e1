"""Measurements, all in one run on one machine, as ratios and percentiles: `make bench`."""
