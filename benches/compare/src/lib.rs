//! What the binaries share: what is sent (`case`), by whom (`who`), over what (`inner`, `over_reqwest`) and how (`drive`);
//! what that costs (`measure`) and may cost (`accepted`).

pub mod accepted;
pub mod answer;
pub mod case;
pub mod drive;
pub mod inner;
pub mod load;
pub mod measure;
pub mod over_reqwest;
pub mod scan;
pub mod server;
pub mod stats;
pub mod token;
pub mod who;
