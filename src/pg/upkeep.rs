//! Work on many subscribers: filling states from events, evaluating everybody.

use super::engine::{Addition, Engine};
use super::gather;
use super::locks;
use super::owner::Acting;
use super::pending::{self, Reread};
use super::profile::subscribers;
use super::registry::Registry;
use super::run::Pass;
use super::scan::BySubscriber;
use super::source::Source;
use super::spi::{at_latest_snapshot, connect, connect_at_latest};
use super::store::{BATCH, Effort};
use crate::activity::Change;
use crate::membership::Cause;

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
    pending::note_all_computed(&registry);
    let mut pass = Pass::default();
    {
        let _acting = Acting::as_owner();
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
        let _acting = Acting::as_owner_at_large();
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
    let _acting = Acting::as_owner();
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
    let _acting = Acting::as_owner();
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
    locks::hold_definitions_and_sources();
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
    locks::hold_definitions_and_sources();
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
    let _acting = Acting::as_owner();
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

fn progress(subscribers: i64) {
    if subscribers >= 4 * BATCH as i64 {
        pgrx::notice!("{subscribers} subscribers processed");
    }
}
