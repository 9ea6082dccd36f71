"""Confirmed orders by date: what the journal never named."""
