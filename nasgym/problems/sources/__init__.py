"""What the problem of an id is made of: one file for each kind of data."""
