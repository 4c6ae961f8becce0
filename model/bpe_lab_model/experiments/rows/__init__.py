"""Rows of the table of experiments, by topic."""
