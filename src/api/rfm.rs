//! RFM: the quintiles of everybody's recency, frequency and monetary value, as constants of which every version is kept.

use super::feature_online;
use super::feature_set::{create_scores, keep_ready};
use super::segment::create_segments;
use super::tier::create_tier_set;
use crate::criteria::Decimal;
use crate::pg::owner::Acting;
use crate::pg::registry::{self, Registry};
use crate::pg::report::invalid;
use crate::pg::spi::{at_new_snapshot, connect, connect_at_latest};
use crate::pg::{change, transaction};
use crate::score::{NO_CELL, Quintiles, cells};
use pgrx::prelude::*;

/// Customers below which fifths of them say nothing.
const FEWEST: i64 = 25;

/// The name that the view `segment.rfm` knows too.
const TIER_SET: &str = "rfm";

/// Computes the quintiles anew from everybody who has bought, as of now, and puts them into force while writers go on, committing
/// in between, unless they have not changed: who belongs to another cell moves. Creates the features, the scores, and the tier set
/// `rfm` with its segments where they are not there, which writers wait for. After a crash or an error the next call completes it.
#[pg_extern(sql = r#"
CREATE PROCEDURE segment.update_rfm() LANGUAGE c AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn update_rfm(fcinfo: pg_sys::FunctionCallInfo) {
    // SAFETY: PostgreSQL passes it to this call.
    unsafe { transaction::require_own(fcinfo, "segment.update_rfm") };
    let before = change::begin_online_at_now("update_rfm");
    if before.tier_sets.iter().all(|set| set.name != TIER_SET) {
        create(&before);
    }
    let registry = registry::current();
    let (quintiles, customers) = quintiles();
    let scores = quintiles.scores();
    let altered = scores.iter().any(|(name, spec, _)| registry.features.specs.get(name) != Some(spec));
    let version = match newest() {
        Some(version) if !altered => version,
        _ => store(&quintiles, customers),
    };
    let names: Vec<String> = scores.iter().map(|(name, ..)| name.clone()).collect();
    if altered || feature_online::is_changing(&names) {
        let changes: Vec<_> = scores.into_iter().map(|(name, spec, _)| (name, spec.to_string())).collect();
        feature_online::alter(&registry, "update_rfm", &changes);
    }
    pgrx::notice!("version {version} of the quintiles is in force");
}

/// Creates what is not there of the features, the scores, the segments and the tier set.
fn create(before: &Registry) {
    keep_ready("update_rfm", &["recency", "frequency", "monetary"]);
    let (quintiles, customers) = quintiles();
    let missing = quintiles.scores().into_iter().filter(|(name, ..)| !before.created.contains(name));
    let missing: Vec<_> = missing.collect();
    create_scores("update_rfm", &missing);
    let cells = cells();
    create_segments("update_rfm", &cells);
    let order = cells.into_iter().map(|cell| Some(cell.name)).collect();
    create_tier_set(Some(TIER_SET.to_owned()), Some(order), Some(NO_CELL.to_owned()), None);
    if !missing.is_empty() {
        store(&quintiles, customers);
    }
}

/// The numbers that part those who have bought into fifths, and how many those are.
fn quintiles() -> (Quintiles, i64) {
    let _acting = Acting::as_owner_at_large();
    // What was created just now is to be seen.
    at_new_snapshot(|| {
        connect(|session| {
            let rows = session.select_once(
                "SELECT count(*), percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY recency)::text[],
                        percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY frequency)::text[],
                        percentile_disc('{0.2,0.4,0.6,0.8}'::float8[]) WITHIN GROUP (ORDER BY monetary)::text[]
                 FROM segment.profile WHERE frequency > 0",
                &[],
            );
            let customers: i64 = rows.value(0, 1);
            let bounds = |column| {
                let texts: Vec<String> = rows.value(0, column);
                let bounds: Vec<Decimal> = texts.iter().filter_map(|text| Decimal::parse(text)).collect();
                <[Decimal; 4]>::try_from(bounds).ok()
            };
            match (bounds(2), bounds(3), bounds(4)) {
                (Some(recency), Some(frequency), Some(monetary)) if customers >= FEWEST => {
                    (Quintiles { recency, frequency, monetary }, customers)
                }
                _ => invalid(
                    format!("{customers} subscribers have bought, and quintiles need {FEWEST}"),
                    "Purchases are events of the type purchase: attach the table that has them.",
                ),
            }
        })
    })
}

/// Keeps a new version of the quintiles, and returns its number.
fn store(quintiles: &Quintiles, customers: i64) -> i32 {
    let _acting = Acting::as_owner();
    let texts = |bounds: &[Decimal; 4]| bounds.iter().map(Decimal::to_string).collect::<Vec<_>>();
    connect(|session| {
        let stored = session.modify(
            "INSERT INTO segment.rfm_quintile (version, computed_at, customers, recency, frequency, monetary)
             SELECT coalesce(max(version), 0) + 1, segment.now(), $1, $2::text[]::numeric[], $3::text[]::numeric[], $4::text[]::numeric[]
             FROM segment.rfm_quintile
             RETURNING version",
            &[
                customers.into(),
                texts(&quintiles.recency).into(),
                texts(&quintiles.frequency).into(),
                texts(&quintiles.monetary).into(),
            ],
        );
        stored.value(0, 1)
    })
}

fn newest() -> Option<i32> {
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        session.select("SELECT max(version) FROM segment.rfm_quintile", &[]).get(0, 1)
    })
}
