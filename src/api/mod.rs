//! The SQL surface: argument conversion, privileges and labels; one call deep.

// A set-returning function must spell its columns out where it is declared.
#![allow(clippy::type_complexity)]

pub mod cluster;
pub mod criteria;
pub mod event;
pub mod explain;
mod member;
pub mod score;
pub mod segment;
pub mod source;
pub mod subscriber;
mod tier;
pub mod upkeep;
pub mod view;
