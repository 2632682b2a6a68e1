"""Ways to a user, one a file; strangers to each other."""
