"""PostgreSQL: the embedded server, the schema, the ledger and the store that flows and API use."""
