"""BaseLinker's journal: how far it was read, and what to do where it fails."""
