"""The `bl2sm` commands, one a file."""
