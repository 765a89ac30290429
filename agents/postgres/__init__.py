"""The services behind the agents' dependencies, kept in Postgres. Imported by `wiring` alone, when one is opened."""
