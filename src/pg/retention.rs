//! How long history is kept.
//!
//! Of what is older than the retained range, only this stays: the entry of each membership that lasted into the range, so
//! that members and their times of entry can be told of every instant of it.

use super::guc;
use super::heap::rows;
use super::home;
use super::owner::Acting;
use super::spi::{at_latest_snapshot, connect, connect_at_latest, timestamp};
use super::store::BATCH;
use crate::activity::Instant;
use pgrx::prelude::*;

/// Old history is removed each time that this fraction of the retention has gone by, in one pass over all of it.
const STEPS: Instant = 30;

/// The instant that history is on record from, unless it is on record since each segment's creation.
pub fn begin() -> Option<Instant> {
    rows(c"history_begin", |row| row.instant(2)).into_iter().flatten().next()
}

/// Moves the beginning of history forward where that is due, and returns it: what is older may be removed.
pub fn advance() -> Option<Instant> {
    let kept = guc::history_retention()?;
    let until = guc::now() - kept;
    let due = |begin: Option<Instant>| begin.is_none_or(|begin| until - begin >= kept / STEPS);
    let _acting = Acting::as_owner();
    if !due(begin()) {
        return None;
    }
    one_at_a_time();
    if !due(newest_begin()) {
        return None;
    }
    connect(|session| {
        session.modify(
            "INSERT INTO segment.history_begin (at) VALUES ($1) ON CONFLICT (only_row) DO UPDATE SET at = excluded.at",
            &[timestamp(until).into()],
        )
    });
    Some(until)
}

/// Removes what is older than the beginning of history, of the next subscribers. False where there are no more, or where
/// somebody else has moved the beginning and goes through all of them.
pub fn remove_batch(begin: Instant, after: &mut Option<String>) -> bool {
    let _acting = Acting::as_owner_at_large();
    one_at_a_time();
    if newest_begin() != Some(begin) {
        return false;
    }
    if after.is_none() {
        connect(|session| {
            session.modify(
                "DELETE FROM segment.history WHERE subscriber IS NULL AND at < $1",
                &[timestamp(begin).into()],
            )
        });
    }
    let subscribers: Vec<String> = connect_at_latest(|session| {
        let rows = session.select_once(
            "SELECT DISTINCT subscriber FROM segment.history
             WHERE subscriber >= $1 COLLATE \"C\" AND (subscriber > $1 COLLATE \"C\" OR $2)
             ORDER BY subscriber LIMIT $3",
            &[after.clone().unwrap_or_default().into(), after.is_none().into(), (BATCH as i64).into()],
        );
        rows.first_column()
    });
    let Some(last) = subscribers.last() else { return false };
    *after = Some(last.clone());
    connect(|session| {
        session.modify_once(
            "WITH told AS (
               SELECT h.ctid AS place, e.segment_id, e.entry, e.leaf,
                      row_number() OVER (PARTITION BY h.subscriber, e.segment_id ORDER BY h.at DESC, h.move DESC) = 1 AS last
               FROM segment.history h
               CROSS JOIN LATERAL (SELECT id, true, h.leaves[place] FROM unnest(h.entered) WITH ORDINALITY AS i (id, place)
                                   UNION ALL SELECT unnest(h.departed), false, NULL) e (segment_id, entry, leaf)
               WHERE h.subscriber = ANY ($1::text[]) AND h.at < $2
             ), kept AS (
               SELECT t.place, array_agg(t.segment_id ORDER BY t.segment_id) AS entered,
                      CASE WHEN count(t.leaf) > 0 THEN array_agg(t.leaf ORDER BY t.segment_id) END AS leaves
               FROM told t JOIN segment.definition d USING (segment_id)
               WHERE t.last AND t.entry GROUP BY t.place
             ), trimmed AS (
               UPDATE segment.history h SET entered = k.entered, departed = '{}', leaves = k.leaves FROM kept k
               WHERE h.ctid = k.place AND (h.entered <> k.entered OR h.departed <> '{}')
             )
             DELETE FROM segment.history h
             WHERE h.subscriber = ANY ($1::text[]) AND h.at < $2 AND NOT EXISTS (SELECT FROM kept k WHERE k.place = h.ctid)",
            &[subscribers.into(), timestamp(begin).into()],
        )
    });
    true
}

fn newest_begin() -> Option<Instant> {
    at_latest_snapshot(begin)
}

/// Two that remove at once could undo what the other did.
fn one_at_a_time() {
    if let Some(table) = home::table(c"history_begin") {
        // SAFETY: takes a heavyweight lock on an existing table, to be released with the transaction.
        unsafe { pg_sys::LockRelationOid(table, pg_sys::ShareUpdateExclusiveLock as pg_sys::LOCKMODE) };
    }
}
