//! The whole tokenizer: pattern, unit, merges and specials behind one door.
