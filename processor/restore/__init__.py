"""What a newly assigned partition needs before its first entry is taken."""
