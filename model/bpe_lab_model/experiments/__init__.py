"""The study questions as experiments: one table of rows (`table`), one runner (`runner`), verdicts on claims."""
