//! What goes out: the token into the URI, and a body that can be sent a second time.

pub(crate) mod replay;
