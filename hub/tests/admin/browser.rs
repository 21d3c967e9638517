//! The page in a real browser. Skipped, with a line that says so, where there is none.
