"""Touch. The only rooms that talk to PostgreSQL."""
