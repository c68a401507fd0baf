"""What pages of this site include: made from records, docstrings and sources."""
