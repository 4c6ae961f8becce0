"""What can be read off a trained model without changing it: figures only, one module a probe. Words are in `cli.probes`."""
