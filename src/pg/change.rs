//! Changes of definitions: at once, with writers waiting, or while they go on.

use super::due;
use super::flush::flush;
use super::guc;
use super::load::NothingPutOff;
use super::locks;
use super::owner::Acting;
use super::registry::{self, Registry};
use super::run::{self, Pass};
use super::spi::{connect, timestamp};
use super::transaction;
use super::upkeep;
use crate::criteria::Recurring;
use crate::membership::StreamPlan;
use std::ops::Deref;
use std::rc::Rc;

/// Opens a change that writers wait for until the transaction ends: what this one captured is applied, and everybody is
/// at now.
pub fn begin(what: &str) -> Rc<Registry> {
    registry::require_read_committed(what);
    locks::lock_out_writers();
    flush();
    due::catch_up(guc::now());
    registry::latest()
}

/// Brings everybody who is due to now under the definitions in force, in batches that commit one by one: what time, or a load,
/// has done by now, it did under those.
pub fn catch_up_online(what: &str) {
    registry::require_read_committed(what);
    due::pass_time(guc::now, upkeep::ONLINE, commit);
}

/// A change that writers do not wait for, and the definitions that it began with.
pub struct Online {
    registry: Rc<Registry>,
    /// Nobody is looked at under other definitions than those in force when something was done to them.
    _nothing_put_off: NothingPutOff,
}

impl Deref for Online {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

/// Opens a change that writers do not wait for, committing what comes before it: everybody is at now, and no load puts anything
/// off until the change is done.
pub fn begin_online_at_now(what: &str) -> Online {
    registry::require_read_committed(what);
    let nothing_put_off = NothingPutOff::begin();
    catch_up_online(what);
    // Also those that others were at work on.
    let mut from = due::first_due();
    while commit(due::settle_batch(upkeep::ONLINE, &mut from, true)) {}
    Online { registry: begin_online(what), _nothing_put_off: nothing_put_off }
}

/// Commits a batch; whether there may be more.
fn commit(pass: Pass) -> bool {
    transaction::commit();
    pgrx::check_for_interrupts!();
    pass.more
}

/// Opens a change that writers do not wait for: only other changes do.
pub fn begin_online(what: &str) -> Rc<Registry> {
    registry::require_read_committed(what);
    locks::hold_off_changes();
    registry::latest()
}

/// Commits a change of definitions that was begun online, brings everybody under it, in batches that commit one by one, and
/// holds other changes off again. Returns the row of `segment.run`, and what was done.
pub fn sweep(kind: &str) -> (i64, Pass) {
    let run = run::begin(kind);
    transaction::commit();
    // Whoever captures from now on knows the definition.
    locks::await_writers();
    let total = sweep_everybody(run, Pass::default(), false);
    begin_online(kind);
    (run, total)
}

/// Brings everybody under the newest definitions, or with `again` computes everybody again, in batches that commit one by one, on
/// record in a row of `segment.run`.
pub fn sweep_everybody(run: i64, mut total: Pass, again: bool) -> Pass {
    let mut after = None;
    loop {
        let pass = upkeep::sweep_batch(&mut after, again);
        if !pass.more {
            return total;
        }
        total.add(pass);
        run::end(run, total);
        commit(pass);
    }
}

/// Changes the stream table as planned; whether something must be filled from the events, which states last written before
/// `since` lack then.
pub fn store_streams(plan: &StreamPlan, since: i64) -> bool {
    let _acting = Acting::as_owner();
    connect(|session| {
        if plan.add.is_empty() && plan.drop.is_empty() {
            return;
        }
        session
            .modify("UPDATE segment.version SET streams = pg_catalog.nextval('segment.version_number')", &[]);
        if !plan.drop.is_empty() {
            let ids: Vec<i32> = plan.drop.iter().map(|id| *id as i32).collect();
            session.modify("DELETE FROM segment.stream WHERE stream_id = ANY ($1)", &[ids.into()]);
        }
        for (selection, horizons) in &plan.add {
            let numbers = |of: fn(&Recurring) -> &Vec<u32>| -> Option<Vec<i32>> {
                let (recurring, _) = selection.recurring.as_ref()?;
                Some(of(recurring).iter().map(|number| *number as i32).collect())
            };
            session.modify(
                "INSERT INTO segment.stream (event_type, filter, value_path, from_time, until_time, horizons, extent, keep, ever, since,
                                             hours, weekdays, months, time_zone)
                 VALUES ($1, $2::jsonb, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
                &[
                    selection.event.clone().into(),
                    selection.filter.as_ref().map(ToString::to_string).into(),
                    selection.of.as_ref().map(|path| path.0.clone()).into(),
                    selection.from.map(timestamp).into(),
                    selection.until.map(timestamp).into(),
                    horizons.panes.to_vec().into(),
                    horizons.extent.into(),
                    selection.keep.name().into(),
                    horizons.ever.into(),
                    since.into(),
                    numbers(|recurring| &recurring.hours).into(),
                    numbers(|recurring| &recurring.weekdays).into(),
                    numbers(|recurring| &recurring.months).into(),
                    selection.recurring.as_ref().map(|(_, zone)| zone.name()).into(),
                ],
            );
        }
    });
    !plan.add.is_empty()
}

/// Drops the streams that nothing reads any more.
pub fn drop_streams(plan: StreamPlan) {
    store_streams(&StreamPlan { add: Vec::new(), ..plan }, 0);
}

/// Puts new definitions into force for everybody, in this transaction that writers wait for: some segments that were
/// added, if that is all that changed.
pub fn finish(kind: &str, fill: bool, added: &[u32]) -> Pass {
    let run = run::begin(kind);
    let pass = if fill { upkeep::rebuild() } else { upkeep::evaluate_everybody(added) };
    run::end(run, pass);
    pass
}
