"""How dates and times are shown and asked for, by language."""
