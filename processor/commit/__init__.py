"""Rows, dead letters and offsets: one Kafka transaction."""
