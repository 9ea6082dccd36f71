"""Outcomes and dead letters."""
