"""Processes, thin: each joins one verb to the loop."""
