//! The platform in a box, for tests.
