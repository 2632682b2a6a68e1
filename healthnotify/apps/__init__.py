"""Django apps: what owns a table or a page; they talk to PostgreSQL only."""
