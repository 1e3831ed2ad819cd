//! The Postgres layer: everything unsafe, or bound to a server. It calls the domain, never the SQL surface.

#![allow(unsafe_code)]

pub mod activity;
pub mod as_of;
pub mod capture;
pub mod catalogue;
pub mod change;
pub mod cluster_model;
pub mod cluster_set;
mod column;
pub mod engine;
pub mod event;
pub mod examples;
pub mod features_as_of;
pub mod flush;
mod gather;
pub mod guc;
pub mod hold;
pub mod journey;
pub mod model;
pub mod numbers;
pub mod occurrence;
pub mod opened;
pub mod owner;
pub mod pending;
mod predicted;
pub mod prediction;
pub mod profile;
pub mod profile_at;
pub mod profile_copy;
pub mod profile_view;
pub mod registry;
pub mod relation;
pub mod report;
pub mod retention;
pub mod scan;
pub mod source;
pub mod spi;
pub mod store;
pub mod survey;
pub mod table;
pub mod transaction;
pub mod tree;
pub mod types;
pub mod upkeep;
pub mod verify;
mod verify_profile;
