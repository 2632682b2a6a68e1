"""PostgreSQL, Valkey, Kafka, a stand-in language model and a local inbox for one machine: demo, development, tests."""
