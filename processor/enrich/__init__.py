"""Orders read from BaseLinker."""
