"""The schema of the database, as migrations that only go forward. `migrate.py` runs them."""
