"""Stand-in APIs with a shop's orders, a local Kafka, the demo."""
