//! The platform in a box, for tests.

mod store_conformance;

pub use self::store_conformance::store_conformance;
