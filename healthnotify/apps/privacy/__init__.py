"""Keys: the ring that wraps them, one data key a user, and what they seal."""
