"""The commands under `bpe-lab lm probe`, one module a probe, each with `add_to(commands)`. None imports torch to be listed."""
