"""The pages on which an operator sees what is going on, and what workers report of themselves."""
