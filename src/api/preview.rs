//! What criteria would do before they are a segment's, and what depends on a segment.

use super::segment::{existing, with};
use crate::criteria::{Located, Zone};
use crate::membership::{self, Definition, Sample, with_referred};
use crate::pg::flush::flush;
use crate::pg::registry;
use crate::pg::report::{invalid, value_of};
use crate::pg::spi::at_new_snapshot;
use crate::pg::survey;
use crate::pg::types::JsonbArgument;
use pgrx::prelude::*;

/// Most subscribers that a preview lists.
const LARGEST_SAMPLE: i32 = 10_000;

/// How many subscribers satisfy criteria now, their share of all subscribers, and some of them: always the same ones
/// while they satisfy them. Nothing is created. Reads the events where the stored states do not have what is needed.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn preview(
    criteria: JsonbArgument,
    sample: default!(i32, 10),
    time_zone: default!(&str, "'UTC'"),
) -> TableIterator<'static, (name!(members, i64), name!(share, Option<f64>), name!(sample, Vec<String>))> {
    if !(0..=LARGEST_SAMPLE).contains(&sample) {
        invalid(
            format!("sample is {sample}, but must be 0 to {LARGEST_SAMPLE}"),
            "Create the segment to list all members.",
        );
    }
    let zone = value_of(Zone::by_name(time_zone));
    flush();
    let (mut members, mut all) = (0, 0);
    let mut drawn = Sample::new(sample as usize);
    at_new_snapshot(|| {
        let registry = registry::visible();
        let criteria = value_of(registry.parse(&criteria.text()));
        // Refuses what `create_segment` would refuse.
        with(&registry, None, "", criteria.clone(), zone, None);
        let tried = tried(criteria, zone);
        let definitions = with_referred(vec![tried.clone()], &registry.definitions);
        survey::everybody(&registry, &definitions, |subject, segments| {
            all += 1;
            if segments.contains(tried.id) {
                members += 1;
                drawn.see(subject.id.to_owned());
            }
        });
    });
    let share = (all > 0).then(|| members as f64 / f64::from(all));
    TableIterator::once((members, share, drawn.into_names()))
}

/// Who would enter a segment and who would leave it now if its criteria were these. Nothing is changed.
#[pg_extern(volatile, parallel_unsafe, strict)]
fn diff(
    segment: String,
    criteria: JsonbArgument,
) -> TableIterator<'static, (name!(subscriber, String), name!(change, &'static str))> {
    flush();
    let mut moved: Vec<(String, &'static str)> = Vec::new();
    at_new_snapshot(|| {
        let registry = registry::visible();
        let criteria = value_of(registry.parse(&criteria.text()));
        let current = existing(&registry, &segment).clone();
        // Refuses what `alter_segment` would refuse.
        with(
            &registry,
            Some(current.id),
            &segment,
            criteria.clone(),
            current.zone,
            current.safeguards.clone(),
        );
        let (old, tried) = (current.id, tried(criteria, current.zone));
        let definitions = with_referred(vec![current, tried.clone()], &registry.definitions);
        survey::everybody(&registry, &definitions, |subject, segments| {
            // What was decided by hand stays so.
            if subject.manual.is_some_and(|manual| manual.decides(old).is_some()) {
                return;
            }
            let subscriber = subject.id.to_owned();
            match (segments.contains(old), segments.contains(tried.id)) {
                (false, true) => moved.push((subscriber, "enters")),
                (true, false) => moved.push((subscriber, "leaves")),
                _ => {}
            }
        });
    });
    moved.sort_unstable();
    TableIterator::new(moved)
}

/// The segments whose criteria refer to a segment, directly (depth 1) or through others, the nearest first.
#[pg_extern(stable, parallel_restricted, strict)]
fn dependents(segment: String) -> TableIterator<'static, (name!(segment, String), name!(depth, i32))> {
    let registry = registry::visible();
    let name = &existing(&registry, &segment).name;
    let rows = membership::dependents(name, &registry.definitions).into_iter();
    let rows: Vec<_> = rows.map(|(name, depth)| (name.to_owned(), depth as i32)).collect();
    TableIterator::new(rows)
}

/// A definition for criteria that are no segment's, without safeguards: nothing refers to it, and nobody was ever put into
/// it by hand, as the numbers of segments begin with 1.
fn tried(criteria: Located, zone: Zone) -> Definition {
    Definition::new(0, String::new(), criteria, zone)
}
