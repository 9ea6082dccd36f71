"""One job per order."""
