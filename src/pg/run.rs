//! Passes over many subscribers, and `segment.run`, where they are on record.

use super::engine::Engine;
use super::owner::Acting;
use super::spi::connect;

/// What a pass over subscribers did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pass {
    pub subscribers: i64,
    pub transitions: i64,
    /// Passed over, because somebody else works on them.
    pub skipped: i64,
    /// Whether there may be more to do.
    pub more: bool,
}

impl Pass {
    pub fn add(&mut self, other: Pass) {
        self.subscribers += other.subscribers;
        self.transitions += other.transitions;
        self.skipped += other.skipped;
    }

    /// Counts what an engine moved, and forgets it there.
    pub fn count(&mut self, subscribers: usize, engine: &mut Engine) {
        self.subscribers += subscribers as i64;
        let moved = engine.moved.drain(..).flat_map(|moved| moved.transitions);
        self.transitions += moved
            .map(|transition| (transition.entered.len() + transition.departed.len()) as i64)
            .sum::<i64>();
    }
}

/// Opens a row in `segment.run`.
pub fn begin(kind: &str) -> i64 {
    enter(kind, Pass::default(), false)
}

/// The same for work that is done as far as it has gone.
pub fn note(kind: &str, pass: Pass) -> i64 {
    enter(kind, pass, true)
}

/// Drops those older than 30 days.
fn enter(kind: &str, pass: Pass, finished: bool) -> i64 {
    let _acting = Acting::as_owner();
    connect(|session| {
        session
            .modify("DELETE FROM segment.run WHERE started_at < pg_catalog.now() - interval '30 days'", &[]);
        session
            .modify(
                "INSERT INTO segment.run (kind, finished_at, subscribers, transitions)
                 VALUES ($1, CASE WHEN $2 THEN pg_catalog.clock_timestamp() END, $3, $4) RETURNING run_id",
                &[kind.into(), finished.into(), pass.subscribers.into(), pass.transitions.into()],
            )
            .value(0, 1)
    })
}

/// Brings a row of `segment.run` up to date.
pub fn end(run: i64, pass: Pass) {
    let _acting = Acting::as_owner();
    connect(|session| {
        session.modify(
            "UPDATE segment.run SET finished_at = pg_catalog.clock_timestamp(), subscribers = $2, transitions = $3 WHERE run_id = $1",
            &[run.into(), pass.subscribers.into(), pass.transitions.into()],
        );
    });
}
