//! Tokenizers as files: native, tiktoken, Hugging Face.
