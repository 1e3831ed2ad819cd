//! pg_segment: customer segments that stay true inside PostgreSQL.
//!
//! `criteria`, `activity`, `profile`, `score`, `membership`, `attribution`, `cluster`, `predict`,
//! `customer_base` and `send_time` are pure and tested without a server; `pg` holds
//! everything bound to one; `api` is the SQL surface. Dependencies point one way: api, pg, domain.

pub mod activity;
pub mod api;
pub mod attribution;
pub mod cluster;
pub mod criteria;
pub mod customer_base;
pub mod error;
pub mod membership;
pub mod pg;
pub mod predict;
pub mod profile;
pub mod score;
pub mod send_time;

use pgrx::prelude::*;

::pgrx::pg_module_magic!(name, version);

#[cfg(not(panic = "unwind"))]
compile_error!("pg_segment needs panic = \"unwind\": an error must end a statement, not the server");

extension_sql_file!("../sql/bootstrap.sql", bootstrap);
extension_sql_file!(
    "../sql/aggregate.sql",
    name = "aggregate",
    requires = [
        api::score::trans,
        api::score::combine,
        api::score::serialize,
        api::score::deserialize,
        api::score::finish
    ]
);
extension_sql_file!(
    "../sql/views.sql",
    name = "views",
    requires = [
        api::view::clock,
        api::view::overdue,
        api::view::version,
        api::view::feature,
        api::view::event_at,
        api::view::created_features,
        api::view::segments,
        api::view::tiers,
        api::profile_view::profile_select,
        api::feature::existing_feature,
        api::feature::features_known,
        api::history::recorded_segment,
        api::segment::existing_segment,
        api::subscriber::set_aside
    ]
);
extension_sql_file!("../sql/models.sql", name = "models", requires = [api::model::model_id]);
extension_sql_file!(
    "../sql/triggers.sql",
    name = "triggers",
    requires = [
        pg::capture::capture,
        pg::capture::invalidate_trigger,
        api::source::parts_changed,
        api::source::parts_dropped
    ]
);
extension_sql_file!("../sql/finalize.sql", finalize);

#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::guc::register();
}
