//! Brings together all events of each subscriber of a source, in memory and without sorting them.
//!
//! Where they do not fit, those of half of the subscribers are let go of and read again later, in a pass of their own.

use super::capture::contribute;
use super::registry::Registry;
use super::scan::{Order, Scan, readers};
use super::source::Source;
use super::spi::Session;
use super::store::BATCH;
use crate::activity::{Change, Feeds, Packed};
use crate::membership::Program;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a subscriber takes beside the entries, about, with room for the first of these.
const OVERHEAD: usize = 192;

/// Most parts that the subscribers are divided into.
const MOST_CLASSES: u64 = 1 << 16;

/// The subscribers whose hash, divided by a power of two, leaves a rest.
#[derive(Clone, Copy)]
struct Class {
    divisor: u64,
    rest: u64,
}

#[derive(Default)]
struct Gathered {
    by_subscriber: HashMap<Box<str>, Packed>,
    feeds: Feeds,
    size: usize,
}

/// Shows all events of a source under the active snapshot, in batches, each subscriber once; within one pass in ascending order.
pub fn by_subscriber(
    session: &Session,
    registry: &Registry,
    source: &Source,
    mut show: impl FnMut(Vec<(String, Change)>),
) {
    // SAFETY: reads a setting, in kilobytes.
    let most = unsafe { pgrx::pg_sys::maintenance_work_mem } as usize * 1_024;
    for reader in readers(registry, std::slice::from_ref(source)) {
        let mut classes = vec![Class { divisor: 1, rest: 0 }];
        while let Some(mut class) = classes.pop() {
            let mut gathered = Gathered::default();
            let mut scan = Scan::open(session, &reader, Order::Any);
            while scan.next(|event| {
                if class.has(&event.subscriber) {
                    gathered.add(&registry.program, event);
                }
            }) {
                while gathered.size > most && gathered.by_subscriber.len() > 1 && class.divisor < MOST_CLASSES
                {
                    classes.push(class.split());
                    gathered.keep(class);
                }
            }
            scan.close();
            gathered.show(&mut show);
        }
    }
}

impl Class {
    fn has(self, subscriber: &str) -> bool {
        if self.divisor == 1 {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        subscriber.hash(&mut hasher);
        hasher.finish() % self.divisor == self.rest
    }

    /// Goes on with one half and returns the other.
    fn split(&mut self) -> Class {
        let other = Class { divisor: self.divisor * 2, rest: self.rest + self.divisor };
        self.divisor *= 2;
        other
    }
}

impl Gathered {
    fn add(&mut self, program: &Program, event: &super::event::Event) {
        let packed = match self.by_subscriber.get_mut(event.subscriber.as_ref()) {
            Some(packed) => packed,
            None => {
                self.size += OVERHEAD + event.subscriber.len();
                self.by_subscriber.entry(event.subscriber.as_ref().into()).or_default()
            }
        };
        packed.events += 1;
        contribute(program, event, 1, |entry| self.size += packed.push(&entry, &mut self.feeds));
    }

    fn keep(&mut self, class: Class) {
        self.by_subscriber.retain(|subscriber, _| class.has(subscriber));
        let taken =
            self.by_subscriber.iter().map(|(subscriber, packed)| OVERHEAD + subscriber.len() + packed.size());
        self.size = taken.sum();
    }

    fn show(self, show: &mut impl FnMut(Vec<(String, Change)>)) {
        let mut sorted: Vec<(Box<str>, Packed)> = self.by_subscriber.into_iter().collect();
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut rest = sorted.into_iter();
        loop {
            let batch = rest.by_ref().take(BATCH).map(|(subscriber, packed)| {
                let change = super::report::value_of(packed.unpack(&self.feeds));
                (subscriber.into_string(), change)
            });
            let batch: Vec<(String, Change)> = batch.collect();
            if batch.is_empty() {
                break;
            }
            show(batch);
        }
    }
}
