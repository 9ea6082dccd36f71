"""The contract: schemas, records, codec, topic names and their settings."""
