//! The SQL surface: argument conversion, privileges and labels; one call deep.

// A set-returning function must spell its columns out where it is declared.
#![allow(clippy::type_complexity)]

mod attribution;
mod cluster;
mod cluster_model;
mod cluster_segment;
mod criteria;
mod customer_base;
mod dbscan;
mod event;
mod explain;
mod feature;
mod feature_online;
mod feature_set;
mod history;
mod identity;
mod journey;
mod member;
mod model;
mod monitor;
mod performance;
mod predict;
mod prediction;
mod preview;
mod profile;
mod profile_copy;
mod profile_view;
mod rfm;
mod safeguards;
mod score;
mod segment;
mod send_time;
mod source;
mod subscriber;
mod tier;
mod upkeep;
mod view;
