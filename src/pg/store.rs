//! The rows that the engine keeps: state, due, membership, history.
//!
//! Every write to the rows of a subscriber happens under the lock on its state row, and locks are taken in
//! ascending order of subscriber.

use super::spi::{Param, Rows, Session, timestamp, timestamps};
use crate::activity::Instant;
use crate::membership::{Members, Transition};
use std::collections::BTreeMap;

/// Subscribers locked and written by one set of statements.
pub const BATCH: usize = 5_000;

/// A stored state, as it lies in the table.
#[derive(Clone, Debug)]
pub struct StateRow {
    pub subscriber: String,
    /// `None` for somebody never evaluated.
    pub evaluated_at: Option<Instant>,
    pub activity: Vec<u8>,
    pub members: Members,
}

impl StateRow {
    /// When work that begins `now` evaluates the subscriber: the evaluation time never goes backwards.
    pub fn evaluation_time(&self, now: Instant) -> Instant {
        self.evaluated_at.map_or(now, |evaluated| evaluated.max(now))
    }
}

/// What becomes of a state row, and what follows from it.
#[derive(Clone, Debug)]
pub struct Update {
    pub subscriber: String,
    pub evaluated_at: Instant,
    pub activity: Vec<u8>,
    pub members: Members,
    pub due: Option<Instant>,
    pub transitions: Vec<Transition>,
}

/// How the stored due time follows the computed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueRule {
    /// Only ever earlier, unless it has passed: a write that postpones a deadline touches nothing.
    Lower,
    /// Exactly.
    Replace,
}

/// Creates the rows of subscribers never seen before, given in ascending order.
pub fn create_missing(session: &Session, subscribers: &[String]) {
    session.modify(
        "INSERT INTO segment.state (subscriber) SELECT unnest($1::text[]) ON CONFLICT (subscriber) DO NOTHING",
        &[subscribers.to_vec().into()],
    );
}

/// Locks the rows of some subscribers, in ascending order. Missing ones were created before any lock on another was
/// taken ([`create_missing`]): a waiter then holds only smaller ids.
pub fn lock(session: &Session, subscribers: &[String]) -> Vec<StateRow> {
    read(&session.modify(
        "SELECT subscriber, evaluated_at, activity, members FROM segment.state
         WHERE subscriber = ANY ($1::text[]) ORDER BY subscriber FOR UPDATE",
        &[subscribers.to_vec().into()],
    ))
}

/// Locks the rows of some subscribers that are due, passing over those that somebody else works on.
pub fn lock_due(session: &Session, until: Instant, limit: i64) -> Vec<StateRow> {
    // Nobody is waited for, so the order of locking does not matter; those passed over do not count.
    read(&session.modify(
        "SELECT s.subscriber, s.evaluated_at, s.activity, s.members
         FROM segment.due d JOIN segment.state s ON s.subscriber = d.subscriber
         WHERE d.due_at <= $1 ORDER BY d.due_at LIMIT $2 FOR UPDATE OF s SKIP LOCKED",
        &[timestamp(until).into(), limit.into()],
    ))
}

/// Puts what the membership rows say in place of the bitmaps, so that evaluating makes the rows right.
pub fn read_memberships(session: &Session, rows: &mut [StateRow]) {
    let subscribers: Vec<&str> = rows.iter().map(|row| row.subscriber.as_str()).collect();
    let found = session.modify(
        "SELECT subscriber, segment_id FROM segment.membership WHERE subscriber = ANY ($1::text[])",
        &[subscribers.into()],
    );
    let mut members: BTreeMap<String, Members> = BTreeMap::new();
    for row in 0..found.count() {
        members.entry(found.value(row, 1)).or_default().set(found.value::<i32>(row, 2) as u32, true);
    }
    for row in rows {
        row.members = members.remove(&row.subscriber).unwrap_or_default();
    }
}

/// Locks the next rows in order of subscriber, from the very first or after one.
pub fn lock_after(session: &Session, after: &str, first: bool, limit: i64) -> Vec<StateRow> {
    let params = [after.into(), limit.into()];
    read(&if first {
        session.modify(
            "SELECT subscriber, evaluated_at, activity, members FROM segment.state
             WHERE subscriber >= $1 COLLATE \"C\" ORDER BY subscriber LIMIT $2 FOR UPDATE",
            &params,
        )
    } else {
        session.modify(
            "SELECT subscriber, evaluated_at, activity, members FROM segment.state
             WHERE subscriber > $1 COLLATE \"C\" ORDER BY subscriber LIMIT $2 FOR UPDATE",
            &params,
        )
    })
}

fn read(rows: &Rows) -> Vec<StateRow> {
    (0..rows.count()).filter_map(|row| read_row(rows, row)).collect()
}

/// A state row from a result whose first columns are subscriber, evaluated_at, activity, members.
pub fn read_row(rows: &Rows, row: usize) -> Option<StateRow> {
    Some(StateRow {
        subscriber: rows.get(row, 1)?,
        evaluated_at: rows.instant(row, 2).filter(|at| *at != Instant::MIN),
        activity: rows.bytes(row, 3),
        members: Members::from_bytes(&rows.bytes(row, 4)),
    })
}

/// Writes updates of locked rows.
pub fn write(session: &Session, updates: &[Update], rule: DueRule, now: Instant) {
    write_states(session, updates);
    write_transitions(session, updates);
    write_due(session, updates, rule, now);
}

fn write_states(session: &Session, updates: &[Update]) {
    session.modify(
        "UPDATE segment.state s SET evaluated_at = u.evaluated_at, activity = u.activity, members = u.members
         FROM unnest($1::text[], $2::timestamptz[], $3::bytea[], $4::bytea[])
              AS u (subscriber, evaluated_at, activity, members)
         WHERE s.subscriber = u.subscriber",
        &[
            column(updates, |update| update.subscriber.as_str()),
            timestamps(updates.iter().map(|update| update.evaluated_at)).into(),
            column(updates, |update| update.activity.as_slice()),
            column(updates, |update| update.members.as_bytes()),
        ],
    );
}

fn column<'u, T>(updates: &'u [Update], field: impl Fn(&'u Update) -> T) -> Param
where
    Vec<T>: Into<Param>,
{
    updates.iter().map(field).collect::<Vec<T>>().into()
}

fn write_transitions(session: &Session, updates: &[Update]) {
    let all: Vec<(&str, &Transition)> = updates
        .iter()
        .flat_map(|update| {
            update.transitions.iter().map(|transition| (update.subscriber.as_str(), transition))
        })
        .collect();
    if all.is_empty() {
        return;
    }
    session.modify(
        "INSERT INTO segment.history (segment_id, subscriber, entered, at, cause)
         SELECT * FROM unnest($1::int[], $2::text[], $3::bool[], $4::timestamptz[], $5::text[])",
        &[
            all.iter().map(|(_, transition)| transition.segment as i32).collect::<Vec<_>>().into(),
            all.iter().map(|(subscriber, _)| *subscriber).collect::<Vec<_>>().into(),
            all.iter().map(|(_, transition)| transition.entered).collect::<Vec<_>>().into(),
            timestamps(all.iter().map(|(_, transition)| transition.at)).into(),
            all.iter().map(|(_, transition)| transition.cause.name()).collect::<Vec<_>>().into(),
        ],
    );
    // Of several transitions in a row only the last one decides.
    let last: BTreeMap<(i32, &str), &Transition> = all
        .iter()
        .map(|(subscriber, transition)| ((transition.segment as i32, *subscriber), *transition))
        .collect();
    let (entered, left): (Vec<_>, Vec<_>) = last.into_iter().partition(|(_, transition)| transition.entered);
    if !left.is_empty() {
        session.modify(
            "DELETE FROM segment.membership m
             USING unnest($1::int[], $2::text[]) AS u (segment_id, subscriber)
             WHERE m.segment_id = u.segment_id AND m.subscriber = u.subscriber",
            &[
                left.iter().map(|((segment, _), _)| *segment).collect::<Vec<_>>().into(),
                left.iter().map(|((_, subscriber), _)| *subscriber).collect::<Vec<_>>().into(),
            ],
        );
    }
    if !entered.is_empty() {
        session.modify(
            "INSERT INTO segment.membership (segment_id, subscriber, since)
             SELECT * FROM unnest($1::int[], $2::text[], $3::timestamptz[])
             ON CONFLICT (segment_id, subscriber) DO UPDATE SET since = EXCLUDED.since",
            &[
                entered.iter().map(|((segment, _), _)| *segment).collect::<Vec<_>>().into(),
                entered.iter().map(|((_, subscriber), _)| *subscriber).collect::<Vec<_>>().into(),
                timestamps(entered.iter().map(|(_, transition)| transition.at)).into(),
            ],
        );
    }
}

fn write_due(session: &Session, updates: &[Update], rule: DueRule, now: Instant) {
    let (due, never): (Vec<&Update>, Vec<&Update>) = updates.iter().partition(|update| update.due.is_some());
    if !due.is_empty() {
        session.modify(
            "INSERT INTO segment.due AS d (subscriber, due_at)
             SELECT * FROM unnest($1::text[], $2::timestamptz[])
             ON CONFLICT (subscriber) DO UPDATE SET due_at = EXCLUDED.due_at
             WHERE d.due_at <> EXCLUDED.due_at AND ($3 OR d.due_at > EXCLUDED.due_at OR d.due_at <= $4)",
            &[
                due.iter().map(|update| update.subscriber.as_str()).collect::<Vec<_>>().into(),
                timestamps(due.iter().filter_map(|update| update.due)).into(),
                (rule == DueRule::Replace).into(),
                timestamp(now).into(),
            ],
        );
    }
    if rule == DueRule::Replace && !never.is_empty() {
        session.modify(
            "DELETE FROM segment.due WHERE subscriber = ANY ($1::text[])",
            &[never.iter().map(|update| update.subscriber.as_str()).collect::<Vec<_>>().into()],
        );
    }
}
