"""The stand-in for the language model, piece by piece: its words, its protocol, its limits and its faults."""
