"""From journal entries to SALESmanago: one verb a file; session.py turns the chain."""
