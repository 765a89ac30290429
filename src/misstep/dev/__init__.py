"""The embedded servers: real Apache Kafka and real Postgres on 127.0.0.1, without containers."""
