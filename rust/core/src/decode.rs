//! Ids to bytes, and to text as it streams.
