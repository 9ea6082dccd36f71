"""From BaseLinker's journal to the topic, exactly once."""
