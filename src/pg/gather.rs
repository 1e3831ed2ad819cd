//! Brings together all events of each subscriber of a source, in memory and without the executor.
//!
//! Where they do not fit, the last subscribers are let go of and read again later, in a pass of their own.

use super::capture::contribute;
use super::event::Event;
use super::heap::Heap;
use super::registry::Registry;
use super::report::value_of;
use super::scan::Scratch;
use super::source::Source;
use super::store::BATCH;
use super::tree::members;
use crate::activity::{Change, Gathered};

/// Rows read between two looks for a cancellation, and at the memory that they took.
const ROWS_PER_LOOK: usize = 16;

/// Shows all events of a source under the active snapshot, in batches, each subscriber once and in ascending order.
pub fn by_subscriber(registry: &Registry, source: &Source, mut show: impl FnMut(Vec<(String, Change)>)) {
    // SAFETY: reads a setting, in kilobytes.
    let most = unsafe { pgrx::pg_sys::maintenance_work_mem } as usize * 1_024;
    // Ranges of ids, the first one last.
    let mut passes: Vec<(Vec<u8>, Option<Vec<u8>>)> = vec![(Vec::new(), None)];
    while let Some((from, mut until)) = passes.pop() {
        let (mut gathered, mut entries, mut full) = (Gathered::default(), Vec::new(), most);
        each_event(registry, source, |event| {
            let id = event.subscriber.as_bytes();
            if id < &from[..] || until.as_ref().is_some_and(|until| id >= &until[..]) {
                return;
            }
            entries.clear();
            contribute(&registry.program, event, 1, |entry| entries.push(entry));
            value_of(gathered.add(&event.subscriber, event.at, &entries));
            if gathered.size() > full {
                match gathered.shorten(full / 2) {
                    Some(bound) => {
                        let after = until.replace(bound.clone());
                        passes.push((bound, after));
                    }
                    // One subscriber alone, with more events than that.
                    None => full = gathered.size() * 2,
                }
            }
        });
        let mut batch = Vec::with_capacity(BATCH);
        value_of(gathered.show(&mut |subscriber, change| {
            batch.push((subscriber, change));
            if batch.len() == BATCH {
                show(std::mem::take(&mut batch));
            }
        }));
        show(batch);
    }
}

/// Shows every event in the tables of a source, row by row as they lie: nothing that a table's owner has hung onto them runs.
fn each_event(registry: &Registry, source: &Source, mut show: impl FnMut(&Event)) {
    for table in members(source.relation) {
        let resolved = registry.reader(source, table);
        let reader =
            resolved.as_ref().as_ref().map_err(Clone::clone).unwrap_or_else(|refusal| refusal.raise());
        if reader.relation.is_partitioned() {
            continue;
        }
        let (mut rows, last) = (Heap::open(table), reader.last_column());
        let mut memory = Scratch::default();
        let mut inside = memory.enter();
        let mut count = 0_usize;
        while let Some(row) = rows.next(last) {
            if let Some(event) = reader.read(|number| row.column(number)) {
                show(&event);
            }
            count += 1;
            if count.is_multiple_of(ROWS_PER_LOOK) {
                pgrx::check_for_interrupts!();
                inside.renew();
            }
        }
    }
}
