"""Every socket but PostgreSQL. Never imports Django."""
