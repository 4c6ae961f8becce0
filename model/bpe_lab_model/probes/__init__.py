"""Figures of the probes: what can be read off a model without changing it. Their words are in `cli.probes`."""
