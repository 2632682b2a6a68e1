"""The Django project: settings from one typed environment, the only reader of it."""
