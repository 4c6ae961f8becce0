"""The commands under `bpe-lab lm probe`: a module a probe, with `add_to(commands)`. Listing them imports no torch."""
