//! The SQL surface: argument conversion, privileges and labels; one call deep.

// A set-returning function must spell its columns out where it is declared.
#![allow(clippy::type_complexity)]

mod cluster;
mod criteria;
mod event;
mod explain;
mod feature;
mod history;
mod member;
mod model;
mod monitor;
mod predict;
mod preview;
mod profile;
mod safeguards;
mod score;
mod segment;
mod source;
mod subscriber;
mod tier;
mod upkeep;
mod view;
