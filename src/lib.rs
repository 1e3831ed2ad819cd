//! pg_segment: customer segments that stay true inside PostgreSQL.

pub mod activity;
pub mod cluster;
pub mod criteria;
pub mod error;
pub mod membership;
pub mod score;

pgrx::pg_module_magic!(name, version);
