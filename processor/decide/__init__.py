"""Send or skip, and what is sent: pure."""
