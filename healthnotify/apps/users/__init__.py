"""People: who they are, what they want, how to reach them."""
