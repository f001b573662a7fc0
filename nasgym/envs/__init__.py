"""The Gymnasium environments of a problem, and their parts."""
