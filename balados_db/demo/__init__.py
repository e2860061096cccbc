"""The whole story on a throw-away PostgreSQL: what a reset destroys, what it keeps, what a rebuild brings back."""
