"""The companion model of bpe-lab: a thin GPT, bits per byte, and what a choice of tokenizer costs."""
