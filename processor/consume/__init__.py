"""From the topic to entries, one queue per partition."""
