//! Ordinary tables with what views of profiles said when they were last brought up to date.

use super::guc;
use super::heap::rows;
use super::owner::Acting;
use super::spi::{at_latest_snapshot, connect, connect_at_latest, timestamp};
use super::transaction::attempt;
use crate::activity::Instant;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// Rows written between two commits.
const PAGE: i64 = 5_000;

/// A table that is brought up to date.
pub struct Copy {
    oid: pg_sys::Oid,
    owner: pg_sys::Oid,
    /// Both quoted.
    table: String,
    view: String,
    /// Quoted; of the table, without those that are computed.
    columns: Vec<String>,
}

/// The tables that are to be brought up to date at an instant, as `refresh` does; those that are gone are forgotten.
pub fn due(at: Instant) -> Vec<Copy> {
    if at_latest_snapshot(|| rows(c"profile_copy", |_| ())).is_empty() {
        return Vec::new();
    }
    let _acting = Acting::as_owner();
    connect_at_latest(|session| {
        session.modify(
            "DELETE FROM segment.profile_copy c
             WHERE NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = c.relation) OR NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = c.view)",
            &[],
        );
        let rows = session.select(
            "SELECT relation::oid FROM segment.profile_copy
             WHERE refreshed_at IS NULL OR refreshed_at + every <= $1 OR refreshed_at > $1 ORDER BY relation::oid",
            &[timestamp(at).into()],
        );
        (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect::<Vec<pg_sys::Oid>>()
    })
    .into_iter()
    .filter_map(Copy::of)
    .collect()
}

/// Notes a table of the caller's, and fills it.
pub fn create(relation: pg_sys::Oid, view: pg_sys::Oid, every: Interval) {
    {
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                "INSERT INTO segment.profile_copy (relation, view, every) VALUES ($1, $2, $3)",
                &[relation.into(), view.into(), every.into()],
            )
        });
    }
    if let Some(copy) = Copy::of(relation) {
        let mut after = None;
        while copy.bring_up_to_date(&mut after) {
            pgrx::check_for_interrupts!();
        }
    }
}

impl Copy {
    fn of(relation: pg_sys::Oid) -> Option<Self> {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            let rows = session.select(
                "SELECT r.relowner, format('%I.%I', n.nspname, r.relname), format('%I.%I', vn.nspname, v.relname),
                        array_agg(a.attname::text ORDER BY a.attnum)
                 FROM segment.profile_copy c
                 JOIN pg_class r ON r.oid = c.relation JOIN pg_namespace n ON n.oid = r.relnamespace
                 JOIN pg_class v ON v.oid = c.view JOIN pg_namespace vn ON vn.oid = v.relnamespace
                 JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                 WHERE c.relation = $1 GROUP BY 1, 2, 3",
                &[relation.into()],
            );
            let columns: Vec<String> = if rows.count() == 0 { return None } else { rows.value(0, 4) };
            Some(Copy {
                oid: relation,
                owner: rows.get(0, 1)?,
                table: rows.value(0, 2),
                view: rows.value(0, 3),
                columns: columns.into_iter().map(quote_identifier).collect(),
            })
        })
    }

    /// Brings the next rows after a subscriber up to date, with the rights of the table's owner; false where there are no more,
    /// or somebody else is at it.
    pub fn bring_up_to_date(&self, after: &mut Option<String>) -> bool {
        if !self.lock() {
            return false;
        }
        let from = after.take();
        let last: Option<String> = {
            let _acting = Acting::as_table_owner(self.owner);
            connect_at_latest(|session| {
                let rows = session.modify_once(
                    &self.statement(),
                    &[from.clone().unwrap_or_default().into(), from.is_none().into(), PAGE.into()],
                );
                rows.get(0, 1)
            })
        };
        *after = last;
        if after.is_none() {
            self.note();
        }
        after.is_some()
    }

    /// The same as part of a refresh, of which nothing else fails where this does: a warning says why, and so does the row in
    /// `segment.profile_copy`. The next refresh tries again.
    pub fn try_to_bring_up_to_date(&self, after: &mut Option<String>) -> bool {
        let problem = match attempt(|| self.bring_up_to_date(after)) {
            Ok(more) => return more,
            Err(problem) => problem,
        };
        pgrx::warning!("{} was not brought up to date: {problem}", self.table);
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                "UPDATE segment.profile_copy SET problem = $2 WHERE relation = $1",
                &[self.oid.into(), problem.into()],
            )
        });
        false
    }

    /// Puts what the view says in the place of what the table has of the subscribers of one page, where that differs. Returns the
    /// last of these, or nothing for the last page.
    fn statement(&self) -> String {
        let Copy { table, view, columns, .. } = self;
        let list = columns.join(", ");
        let of = |whose: &str| {
            let columns: Vec<String> = columns.iter().map(|column| format!("{whose}.{column}")).collect();
            columns.join(", ")
        };
        let (old, new) = (of("c"), of("excluded"));
        format!(
            "WITH page AS MATERIALIZED (
               SELECT {list} FROM {view} v WHERE v.subscriber >= $1 AND (v.subscriber > $1 OR $2) ORDER BY v.subscriber LIMIT $3),
             bound AS (SELECT CASE WHEN count(*) = $3 THEN max(p.subscriber) END AS last FROM page p),
             gone AS (
               DELETE FROM {table} c USING bound b
               WHERE c.subscriber >= $1 AND (c.subscriber > $1 OR $2) AND (b.last IS NULL OR c.subscriber <= b.last)
                 AND NOT EXISTS (SELECT FROM page p WHERE p.subscriber = c.subscriber)),
             put AS (
               INSERT INTO {table} AS c ({list}) SELECT {list} FROM page
               ON CONFLICT (subscriber) DO UPDATE SET ({list}) = ROW ({new}) WHERE ROW ({old}) IS DISTINCT FROM ROW ({new}))
             SELECT last FROM bound"
        )
    }

    /// Whether nobody else brings it up to date; until the transaction ends, nobody does.
    fn lock(&self) -> bool {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            let rows = session.modify(
                "SELECT FROM segment.profile_copy WHERE relation = $1 FOR UPDATE SKIP LOCKED",
                &[self.oid.into()],
            );
            rows.count() > 0
        })
    }

    fn note(&self) {
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                "UPDATE segment.profile_copy SET refreshed_at = $2, problem = NULL WHERE relation = $1",
                &[self.oid.into(), timestamp(guc::now()).into()],
            )
        });
    }
}
