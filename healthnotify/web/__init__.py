"""What only the web process serves beside API and pages: its health, its metrics."""
