"""The delivery protocol as a model: every interleaving of its steps, with crashes and losses, is looked at."""
