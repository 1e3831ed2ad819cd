//! The pure folders of pg_segment, compiled without pgrx: that this crate builds shows that no server is
//! needed for them, and `cargo test` here runs their unit and property tests.

// The extension's own code uses every item; this crate uses what the tests reach.
#![allow(dead_code, unused_imports)]

#[path = "../../../src/activity/mod.rs"]
pub mod activity;
#[path = "../../../src/attribution/mod.rs"]
pub mod attribution;
#[path = "../../../src/cluster/mod.rs"]
pub mod cluster;
#[path = "../../../src/criteria/mod.rs"]
pub mod criteria;
#[path = "../../../src/customer_base/mod.rs"]
pub mod customer_base;
#[path = "../../../src/error.rs"]
pub mod error;
#[path = "../../../src/membership/mod.rs"]
pub mod membership;
#[path = "../../../src/predict/mod.rs"]
pub mod predict;
#[path = "../../../src/profile/mod.rs"]
pub mod profile;
#[path = "../../../src/score/mod.rs"]
pub mod score;
#[path = "../../../src/send_time/mod.rs"]
pub mod send_time;

#[cfg(test)]
mod mutations;
#[cfg(test)]
mod reference;
