//! Work on many subscribers: filling states from events, evaluating everybody, moving time forward, draining the queue.

use super::engine::{Addition, Brought, Engine, see_own_writes};
use super::gather;
use super::hold::{hold_back, may_hold_back};
use super::load::NothingPutOff;
use super::owner::Acting;
use super::pending::Reread;
use super::profile::subscribers;
use super::registry::{self, Registry};
use super::scan::BySubscriber;
use super::source::Source;
use super::spi::{at_latest_snapshot, connect, connect_at_latest, timestamp};
use super::store::{BATCH, Due, Effort};
use super::table::Table;
use crate::activity::{Change, Instant, VALID_TIMES};
use crate::membership::Cause;

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
    fn count(&mut self, subscribers: usize, engine: &mut Engine) {
        self.subscribers += subscribers as i64;
        let moved = engine.moved.drain(..).flat_map(|moved| moved.transitions);
        self.transitions += moved
            .map(|transition| (transition.entered.len() + transition.departed.len()) as i64)
            .sum::<i64>();
    }
}

/// Brings at most `limit` of those who are due to `until`, passing over those that somebody else works on, from a due
/// time and subscriber on.
pub fn refresh_batch(until: Instant, limit: i64, from: &mut (Instant, String)) -> Pass {
    due_batch(until, limit, from, false)
}

/// Does what writers left for later for at most `limit` subscribers, as of when they left it, before time moves anybody. Of others'
/// work it waits for the end, or passes over it.
pub fn settle_batch(limit: i64, from: &mut (Instant, String), wait: bool) -> Pass {
    due_batch(VALID_TIMES.start, limit, from, wait)
}

fn due_batch(until: Instant, limit: i64, from: &mut (Instant, String), wait: bool) -> Pass {
    registry::hold_definitions_and_sources();
    // What a batch before this one, in the same transaction, took off is gone.
    see_own_writes();
    // One snapshot for all, so that nothing else takes the place of a row that was read here.
    at_latest_snapshot(|| {
        let mut due: Vec<(String, Due)> = {
            let _acting = Acting::as_owner(registry::home().owner);
            connect(|session| {
                let rows = session.select(
                    "SELECT due_at, subscriber, ctid FROM segment.due
                     WHERE due_at <= $1 AND (due_at, subscriber) > ($2, $3 COLLATE \"C\") ORDER BY due_at, subscriber LIMIT $4",
                    &[timestamp(until).into(), timestamp(from.0).into(), from.1.clone().into(), limit.into()],
                );
                let due = |row: usize| Some(Due { at: rows.instant(row, 1)?, tid: rows.tid(row, 3)? });
                (0..rows.count()).filter_map(|row| Some((rows.value(row, 2), due(row)?))).collect()
            })
        };
        let mut pass = Pass { more: due.len() as i64 == limit, ..Pass::default() };
        if let Some((subscriber, last)) = due.last() {
            *from = (last.at, subscriber.clone());
        }
        if due.is_empty() {
            return pass;
        }
        due.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut engine = Engine::new(Cause::Time, Effort::Full);
        engine.now = until;
        let mut done = 0;
        for rows in due.chunk_by(|(a, _), (b, _)| a == b) {
            let due: Vec<Due> = rows.iter().map(|(_, due)| *due).collect();
            match engine.expire(&rows[0].0, &due, wait) {
                Brought::Done => done += 1,
                Brought::Settled => {}
                Brought::Busy => pass.skipped += 1,
            }
        }
        engine.finish();
        pass.count(done, &mut engine);
        pass
    })
}

/// Brings everybody who is due to the moment that each batch begins, or another. After each batch comes `step`, which says whether
/// there may be another one of its kind.
pub fn pass_time(until: impl Fn() -> Instant, size: i64, mut step: impl FnMut(Pass) -> bool) {
    if may_hold_back() {
        // A hold keeps back what time does, and not what came earlier.
        let _nothing_put_off = NothingPutOff::begin();
        let mut from = first_due();
        while step(settle_batch(size, &mut from, false)) {}
        if hold_back(until()) {
            step(Pass::default());
        }
    }
    let mut from = first_due();
    while step(refresh_batch(until(), size, &mut from)) {}
}

/// The place before the first row of `segment.due`.
pub fn first_due() -> (Instant, String) {
    (Instant::MIN, String::new())
}

/// Applies what the queue has of at most `limit` subscribers, passing over those that somebody else works on, from a
/// subscriber on.
pub fn drain_batch(limit: i64, after: &mut Option<String>) -> Pass {
    registry::hold_definitions_and_sources();
    if nothing_queued() {
        return Pass::default();
    }
    let subscribers: Vec<String> = {
        let _acting = Acting::as_owner(registry::home().owner);
        connect_at_latest(|session| {
            let rows = session.select(
                "SELECT DISTINCT subscriber FROM segment.queue
                 WHERE subscriber >= $1 COLLATE \"C\" AND (subscriber > $1 COLLATE \"C\" OR $2)
                 ORDER BY subscriber LIMIT $3",
                &[after.clone().unwrap_or_default().into(), after.is_none().into(), limit.into()],
            );
            rows.first_column()
        })
    };
    let mut pass = Pass { more: subscribers.len() as i64 == limit, ..Pass::default() };
    let Some(last) = subscribers.last() else { return pass };
    *after = Some(last.clone());
    let mut engine = Engine::new(Cause::Event, Effort::Full);
    let count = subscribers.len();
    at_latest_snapshot(|| {
        let drained = engine.drain(subscribers);
        engine.finish();
        pass.skipped = (count - drained) as i64;
        pass.count(drained, &mut engine);
    });
    pass
}

/// Whether the queue is empty, as it is unless writers were told to fill it: a look that costs no plan.
fn nothing_queued() -> bool {
    Table::open(registry::home().queue, "queue_idx").find(&[], |_| ()).is_none()
}

/// Drains the queue and brings everybody who is due to now, in this transaction. The caller has locked out writers.
pub fn catch_up(now: Instant) {
    let mut after = None;
    while drain_batch(BATCH as i64, &mut after).more {}
    pass_time(|| now, BATCH as i64, |pass| pass.more);
}

/// Adds the existing events of a newly attached source to everybody's state. The caller has locked out writers.
pub fn add_source(source: &Source) -> Pass {
    let first = page_of(None, 1).is_empty();
    let mut engine = Engine::alone(Cause::Definition, Effort::Full, first);
    let registry = std::rc::Rc::clone(&engine.registry);
    let mut pass = Pass::default();
    at_latest_snapshot(|| {
        gather::by_subscriber(&registry, source, |batch| {
            let count = batch.len();
            engine.apply(batch, |_| Reread::Nothing);
            pass.count(count, &mut engine);
            progress(pass.subscribers);
        });
        engine.finish();
    });
    pass.count(0, &mut engine);
    pass
}

/// Computes everything again from the events. The caller has locked out writers.
pub fn rebuild() -> Pass {
    let mut engine = Engine::new(Cause::Definition, Effort::Repair);
    if let Some(refusal) = engine.registry.unreadable() {
        refusal.raise();
    }
    let registry = std::rc::Rc::clone(&engine.registry);
    let mut pass = Pass::default();
    {
        let _acting = Acting::as_owner(registry::home().owner);
        // Everything queued is among the events.
        connect(|session| session.modify("DELETE FROM segment.queue", &[]));
        forget_orphans();
    }
    at_latest_snapshot(|| {
        connect(|session| {
            let mut events = BySubscriber::open(session, &registry, &registry.program, &registry.sources);
            let mut event = events.next();
            let mut known = Subscribers::default();
            let mut subscriber = known.next();
            // Both come in ascending order.
            while subscriber.is_some() || event.is_some() {
                let first = subscriber.iter().chain(event.iter().map(|(who, _)| who)).min().cloned();
                let Some(first) = first else { break };
                match event.take_if(|(who, _)| *who == first) {
                    Some((_, change)) => {
                        engine.replace(&first, &change);
                        event = events.next();
                    }
                    None => engine.replace(&first, &Change::default()),
                }
                if subscriber.as_ref() == Some(&first) {
                    subscriber = known.next();
                }
                pass.count(1, &mut engine);
                if pass.subscribers % BATCH as i64 == 0 {
                    progress(pass.subscribers);
                }
            }
            events.close();
        });
    });
    read_profiles_again(&mut engine);
    pass.count(0, &mut engine);
    pass
}

/// Reads the profiles of everybody again who has one, or had one. Returns how many there were. The caller has locked out
/// writers.
pub fn read_all_profiles() -> Pass {
    let mut engine = Engine::new(Cause::Definition, Effort::Full);
    let mut pass = Pass::default();
    let subscribers = read_profiles_again(&mut engine);
    pass.count(subscribers, &mut engine);
    pass
}

fn read_profiles_again(engine: &mut Engine) -> usize {
    let subscribers = with_profile(&engine.registry);
    at_latest_snapshot(|| {
        for batch in subscribers.chunks(BATCH) {
            engine.read_again(batch.to_vec(), Reread::Profile);
            engine.finish();
            progress(batch.len() as i64);
        }
    });
    subscribers.len()
}

/// Everybody with a profile, in its table or in the state, in ascending order.
fn with_profile(registry: &Registry) -> Vec<String> {
    let mut found: Vec<String> = {
        let _acting = Acting::as_owner_at_large(registry::home().owner);
        connect_at_latest(|session| {
            let rows = session.select("SELECT subscriber FROM segment.state WHERE profile IS NOT NULL", &[]);
            rows.first_column()
        })
    };
    at_latest_snapshot(|| subscribers(registry, |subscriber| found.push(subscriber)));
    found.sort_unstable();
    found.dedup();
    found
}

/// Rows of subscribers that have no state, which only direct writes to the tables can leave behind.
pub fn forget_orphans() {
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| {
        session.modify(
            "DELETE FROM segment.membership m WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = m.subscriber)",
            &[],
        );
        session.modify(
            "DELETE FROM segment.due d WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = d.subscriber)",
            &[],
        );
    });
}

/// Subscribers of whom only the queue knows.
fn queued_only() -> Vec<String> {
    let _acting = Acting::as_owner(registry::home().owner);
    connect_at_latest(|session| {
        let rows = session.select(
            "SELECT DISTINCT q.subscriber FROM segment.queue q
             WHERE NOT EXISTS (SELECT FROM segment.state s WHERE s.subscriber = q.subscriber) ORDER BY q.subscriber",
            &[],
        );
        rows.first_column()
    })
}

/// Reads something of everybody again, in ascending order.
pub fn read_everybody_again(engine: &mut Engine, what: Reread) {
    if what == Reread::Profile {
        read_profiles_again(engine);
        return;
    }
    engine.read_again(queued_only(), what);
    engine.finish();
    let mut after = None;
    while let page @ [_, ..] = &page(&mut after)[..] {
        engine.read_again(page.to_vec(), what);
        engine.finish();
    }
}

/// Evaluates everybody under the newest definitions, to which some segments were added, if that is all that changed. The
/// caller has locked out writers, and nobody is due.
pub fn evaluate_everybody(added: &[u32]) -> Pass {
    let mut engine = Engine::new(Cause::Definition, Effort::Full);
    let mut pass = Pass::default();
    at_latest_snapshot(|| match Addition::new(&engine.registry, added) {
        Some(addition) => engine.add(&addition, |engine, looked_at| {
            pass.count(looked_at, engine);
            progress(pass.subscribers);
        }),
        None => {
            let mut after = None;
            while let page @ [_, ..] = &page(&mut after)[..] {
                page.iter().for_each(|subscriber| engine.evaluate(subscriber));
                engine.finish();
                pass.count(page.len(), &mut engine);
                progress(pass.subscribers);
            }
        }
    });
    pass
}

/// Brings the next subscribers under the newest definitions, and computes those again whose states lack streams; with
/// `again`, everybody. Writers wait for no more than these.
pub fn sweep_batch(after: &mut Option<String>, again: bool) -> Pass {
    registry::hold_definitions_and_sources();
    let mut pass = Pass::default();
    at_latest_snapshot(|| {
        let page = page_of(after.as_deref(), ONLINE);
        let Some(last) = page.last() else { return };
        *after = Some(last.clone());
        pass.more = true;
        let mut engine = Engine::new(Cause::Definition, if again { Effort::Repair } else { Effort::Full });
        let count = page.len();
        if again {
            engine.read_again(page, Reread::Everything);
        } else {
            page.iter().for_each(|subscriber| engine.evaluate(subscriber));
        }
        engine.finish();
        pass.count(count, &mut engine);
    });
    pass
}

/// Subscribers swept in one transaction of an online operation.
pub const ONLINE: i64 = 50;

/// Computes those who have events or a profile but no state, as writes that nobody saw leave behind.
pub fn find_strangers() -> Pass {
    registry::hold_definitions_and_sources();
    let mut engine = Engine::new(Cause::Definition, Effort::Repair);
    let mut pass = Pass::default();
    at_latest_snapshot(|| {
        let registry = std::rc::Rc::clone(&engine.registry);
        let mut strangers = super::scan::subscribers(&registry, |subscriber| !engine.knows(subscriber));
        subscribers(&registry, |subscriber| {
            if !engine.knows(&subscriber) {
                strangers.push(subscriber);
            }
        });
        strangers.extend(queued_only());
        strangers.sort_unstable();
        strangers.dedup();
        let count = strangers.len();
        engine.read_again(strangers, Reread::Everything);
        engine.finish();
        pass.count(count, &mut engine);
    });
    pass
}

/// The next subscribers with a state, in ascending order.
fn page(after: &mut Option<String>) -> Vec<String> {
    let page = page_of(after.as_deref(), BATCH as i64);
    if let Some(last) = page.last() {
        *after = Some(last.clone());
    }
    page
}

fn page_of(after: Option<&str>, limit: i64) -> Vec<String> {
    let _acting = Acting::as_owner(registry::home().owner);
    connect_at_latest(|session| {
        let rows = match after {
            None => session
                .select("SELECT subscriber FROM segment.state ORDER BY subscriber LIMIT $1", &[limit.into()]),
            Some(after) => session.select(
                "SELECT subscriber FROM segment.state WHERE subscriber > $1 COLLATE \"C\" ORDER BY subscriber LIMIT $2",
                &[after.into(), limit.into()],
            ),
        };
        rows.first_column()
    })
}

/// Everybody with a state, page by page.
#[derive(Default)]
struct Subscribers {
    after: Option<String>,
    page: std::vec::IntoIter<String>,
    /// Whether the page is the last: who is added meanwhile is not visited.
    last: bool,
}

impl Iterator for Subscribers {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.page.len() == 0 && !self.last {
            self.page = page(&mut self.after).into_iter();
            self.last = self.page.len() < BATCH;
        }
        self.page.next()
    }
}

/// Opens a row in `segment.run`.
pub fn begin_run(kind: &str) -> i64 {
    enter_run(kind, Pass::default(), false)
}

/// The same for work that is done as far as it has gone.
pub fn note_run(kind: &str, pass: Pass) -> i64 {
    enter_run(kind, pass, true)
}

/// Drops those older than 30 days.
fn enter_run(kind: &str, pass: Pass, finished: bool) -> i64 {
    let _acting = Acting::as_owner(registry::home().owner);
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
pub fn end_run(run: i64, pass: Pass) {
    let _acting = Acting::as_owner(registry::home().owner);
    connect(|session| {
        session.modify(
            "UPDATE segment.run SET finished_at = pg_catalog.clock_timestamp(), subscribers = $2, transitions = $3 WHERE run_id = $1",
            &[run.into(), pass.subscribers.into(), pass.transitions.into()],
        );
    });
}

fn progress(subscribers: i64) {
    if subscribers >= 4 * BATCH as i64 {
        pgrx::notice!("{subscribers} subscribers processed");
    }
}
