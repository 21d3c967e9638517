//! What comes back: whether WeChat rejected the token, found out without holding the answer back.
