"""What the shop saved, and what the outside sees."""
