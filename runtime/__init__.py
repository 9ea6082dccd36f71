"""What both programs stand on: settings, Kafka configuration, logs, metrics, health."""
