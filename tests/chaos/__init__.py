"""Faults on real services, judged by a provider that writes down what it accepted: `python -m tests.chaos`."""
