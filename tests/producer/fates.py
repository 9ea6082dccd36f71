"""How a publication may end."""

FATES = ["fine", "fine", "fine", "aborted", "killed before", "killed after", "unknown, committed",
         "unknown, not committed"]  # fmt: skip
