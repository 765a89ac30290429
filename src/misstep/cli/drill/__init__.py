"""Drills: one promise each, tried on real Kafka and Postgres with faults on purpose."""
