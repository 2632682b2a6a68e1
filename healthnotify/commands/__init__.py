"""Management commands, thin."""
