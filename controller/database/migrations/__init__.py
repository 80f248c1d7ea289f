"""Alembic's environment and the versions of our tables; they run at every start, from the package itself."""
