//! What a model learns from, and what it is asked about: subscribers at snapshots, with what they did afterwards, and
//! subscribers as they are.

use super::features_as_of::{features_as_of, nobody};
use super::guc;
use super::owner::Acting;
use super::registry::Registry;
use super::report::{invalid, value_of};
use super::scan::{self, Order, Scan, readers};
use super::spi::connect;
use super::survey::of_events;
use crate::activity::{Change, DAY, Entry, Instant, State, VALUE_SCALE};
use crate::criteria::{Formula, canonical_event};
use crate::membership::{Figures, bucket, reads_profile};
use crate::predict::{Kind, Plan, Set, Spans};
use crate::score::View;
use serde_json::json;

/// Numbers that all examples have at most; of more subscribers, a part is looked at.
const MOST_NUMBERS: f64 = 16e6;

/// Subscribers held back to validate with, in millionths of a percent, where there is no snapshot for that.
const HELD_BACK: i128 = 20_000_000;

/// Days since an event of somebody who had none.
const NEVER: f64 = 3_650.0;

/// What is to be predicted, and from what.
#[derive(Clone, Debug)]
pub struct Question {
    pub kind: Kind,
    pub spans: Spans,
    /// The type of the events that make the outcome, where it is not the kind's.
    pub event: Option<String>,
    pub features: Vec<String>,
}

/// A question compiled: how a subscriber's features are read.
pub struct Reading {
    question: Question,
    figures: Figures,
    /// Whether it reads the streams of the stored states.
    stored: bool,
    /// The streams whose events make the outcome, and those whose events do not.
    counted: Vec<u32>,
    excluded: Vec<u32>,
}

/// Examples for each purpose, and when the last event happened that the features of each snapshot read, in the order of time.
pub struct Examples {
    pub train: Set,
    pub validation: Set,
    pub test: Set,
    pub latest: Vec<(Instant, Option<Instant>)>,
    /// The share of the subscribers that were looked at.
    pub share: f64,
}

impl Question {
    /// How its features are computed, and whether somebody was active: more than 0 if so.
    fn formulas(&self, registry: &Registry) -> Vec<Formula> {
        let mut formulas: Vec<Formula> =
            self.features.iter().map(|name| value_of(registry.features.formula(name))).collect();
        let event = self.event.as_deref().unwrap_or("*");
        let within = format!("{} seconds", self.spans.window / 1_000_000);
        formulas.push(value_of(registry.features.parse(&json!({"event": event, "within": within}))));
        formulas
    }

    /// The types of the events that make the outcome, and of those that do not.
    fn events(&self) -> (Vec<&str>, &[&str]) {
        let (counted, excluded) = self.kind.events();
        match &self.event {
            Some(event) => (vec![canonical_event(event)], &[]),
            None => (counted.to_vec(), excluded),
        }
    }

    /// Refuses features that do not exist, or whose past is not known.
    pub fn check(&self, registry: &Registry) {
        for (name, formula) in self.features.iter().zip(self.formulas(registry)) {
            if reads_profile(&formula) {
                invalid(
                    format!("feature \"{name}\" reads the profile, of which the past is not known"),
                    "A model learns from what was known at a time: name features of events alone.",
                );
            }
        }
    }
}

impl Reading {
    /// By the events themselves.
    pub fn of_events(registry: &Registry, question: &Question) -> Self {
        if let Some(refusal) = registry.unreadable() {
            refusal.raise();
        }
        let mut formulas = question.formulas(registry);
        let (counted, excluded) = question.events();
        for event in counted.iter().chain(excluded) {
            // With the values, so that an event feeds all of these streams by one entry.
            formulas.push(value_of(registry.features.parse(&json!({"event": event, "sum": "value"}))));
        }
        let figures = value_of(Figures::alone(&formulas));
        let streams =
            |events: &[&str]| events.iter().filter_map(|event| figures.stream(event, true)).collect();
        Reading {
            counted: streams(&counted),
            excluded: streams(excluded),
            question: question.clone(),
            figures,
            stored: false,
        }
    }

    /// By the stored states where these have what is read, else by the events.
    pub fn of_present(registry: &Registry, question: &Question) -> Self {
        match value_of(Figures::over(registry.program.streams(), &question.formulas(registry))) {
            None => Self::of_events(registry, question),
            Some(figures) => {
                let question = question.clone();
                Reading { question, figures, stored: true, counted: Vec::new(), excluded: Vec::new() }
            }
        }
    }

    pub fn is_stored(&self) -> bool {
        self.stored
    }

    fn width(&self) -> usize {
        self.question.features.len()
    }

    /// The features, of somebody who was active.
    fn active<'r>(&self, values: &'r [f64]) -> Option<&'r [f64]> {
        (*values.get(self.width())? > 0.0).then(|| &values[..self.width()])
    }

    /// The events that make the outcome, with times in a range.
    fn counted<'e>(
        &'e self,
        events: &'e Change,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = &'e Entry> {
        events.entries.iter().filter(move |entry| {
            let feeds = |streams: &[u32]| streams.iter().any(|stream| entry.feed.feeds(*stream));
            entry.at >= from && entry.at < until && feeds(&self.counted) && !feeds(&self.excluded)
        })
    }

    fn sum(&self, events: &Change, from: Instant, until: Instant) -> f64 {
        let units: i128 = self.counted(events, from, until).map(|entry| i128::from(entry.sum)).sum();
        units as f64 / 10_f64.powi(VALUE_SCALE as i32)
    }

    /// What came after a snapshot.
    pub fn outcome(&self, events: &Change, snapshot: Instant) -> f64 {
        let Spans { gap, horizon, .. } = self.question.spans;
        let (from, until) = (snapshot + gap, snapshot + gap + horizon);
        let some = || self.counted(events, from, until).next().is_some();
        match self.question.kind {
            Kind::Value => self.sum(events, from, until),
            Kind::Churn => f64::from(u8::from(!some())),
            Kind::Engagement => f64::from(u8::from(some())),
        }
    }

    /// What a rule without a model goes by; see [`Set`].
    fn rule(&self, events: &Change, snapshot: Instant) -> f64 {
        match self.question.kind {
            Kind::Value => self.sum(events, snapshot - self.question.spans.horizon, snapshot),
            Kind::Churn | Kind::Engagement => {
                let last = self.counted(events, Instant::MIN, snapshot).map(|entry| entry.at).max();
                last.map_or(NEVER, |last| ((snapshot - last) as f64 / DAY as f64).min(NEVER))
            }
        }
    }

    /// Everybody who was active at the snapshots of a plan, with what came after each. Fails where a feature read an event that
    /// its snapshot could not know.
    pub fn examples(&self, registry: &Registry, plan: &Plan) -> Examples {
        let mut snapshots = plan.train.clone();
        snapshots.extend(plan.validation);
        snapshots.push(plan.test);
        let share = self.share(snapshots.len());
        let millionths = (share * 100e6) as i128;
        let width = self.width();
        let [mut train, mut validation, mut test] = [Set::new(width), Set::new(width), Set::new(width)];
        let latest = features_as_of(registry, &self.figures, &snapshots, |subscriber, events, rows| {
            if share < 1.0 && bucket("pg_segment examples", subscriber) >= millionths {
                return;
            }
            let held_back =
                plan.validation.is_none() && bucket("pg_segment validation", subscriber) < HELD_BACK;
            for (snapshot, values) in snapshots.iter().zip(rows) {
                let Some(row) = self.active(values) else { continue };
                let set = if *snapshot == plan.test {
                    &mut test
                } else if plan.validation == Some(*snapshot) || held_back {
                    &mut validation
                } else {
                    &mut train
                };
                set.push(row, self.outcome(events, *snapshot), self.rule(events, *snapshot));
            }
        });
        let latest: Vec<(Instant, Option<Instant>)> = snapshots.into_iter().zip(latest).collect();
        if latest.iter().any(|(snapshot, latest)| latest.is_some_and(|latest| latest >= *snapshot)) {
            pgrx::error!("a feature read an event that was not known at its snapshot");
        }
        Examples { train, validation, test, latest, share }
    }

    /// How large a part of the subscribers fits.
    fn share(&self, snapshots: usize) -> f64 {
        let _acting = Acting::as_owner_at_large();
        let subscribers: i64 =
            connect(|session| session.select("SELECT count(*) FROM segment.state", &[]).value(0, 1));
        let numbers = subscribers as f64 * snapshots as f64 * (self.width() + 2) as f64;
        (MOST_NUMBERS / numbers.max(1.0)).min(1.0)
    }

    /// The outcomes that some predictions of a snapshot, by subscriber in ascending order, were about.
    pub fn outcomes(&self, registry: &Registry, snapshot: Instant, of: &[String]) -> Vec<f64> {
        let mut outcomes = vec![self.outcome(&Change::default(), snapshot); of.len()];
        features_as_of(registry, &self.figures, &[], |subscriber, events, _| {
            if let Ok(place) = of.binary_search_by(|other| other.as_str().cmp(subscriber)) {
                outcomes[place] = self.outcome(events, snapshot);
            }
        });
        outcomes
    }

    /// The next subscribers after one, at most so many, with their features at an instant, none where they were not active;
    /// without what is queued.
    pub fn page(
        &self,
        registry: &Registry,
        after: Option<&str>,
        limit: i64,
        at: Instant,
    ) -> Vec<(String, Option<Vec<f64>>)> {
        let found = {
            let _acting = Acting::as_owner();
            connect(|session| {
                let rows = session.select(
                    "SELECT subscriber, evaluated_at, version, activity || coalesce(recent, '') FROM segment.state
                     WHERE subscriber >= $1 COLLATE \"C\" AND (subscriber > $1 COLLATE \"C\" OR $2)
                     ORDER BY subscriber LIMIT $3",
                    &[after.unwrap_or_default().into(), after.is_none().into(), limit.into()],
                );
                self.read(registry, &rows, at)
            })
        };
        self.complete(registry, found)
    }

    /// The features of one subscriber at an instant; `None` for one who is not known, or was not active.
    pub fn one(&self, registry: &Registry, subscriber: &str, at: Instant) -> Option<Vec<f64>> {
        let found = {
            let _acting = Acting::as_owner();
            connect(|session| {
                let rows = session.select(
                    "SELECT subscriber, evaluated_at, version, activity || coalesce(recent, '') FROM segment.state
                     WHERE subscriber = $1",
                    &[subscriber.into()],
                );
                self.read(registry, &rows, at)
            })
        };
        self.complete(registry, found).pop()?.1
    }

    /// From rows with subscriber, time of evaluation, version and activity; an error for those whose state lacks something.
    fn read(&self, registry: &Registry, rows: &super::spi::Rows, at: Instant) -> Vec<(String, Found)> {
        let mut view = View::default();
        let mut values = Vec::new();
        let mut memory = scan::Scratch::default();
        let streams = self.figures.program().streams();
        let mut found = |row: usize| {
            let subscriber: String = rows.value(row, 1);
            let at = rows.instant(row, 2).unwrap_or(at).max(at);
            let filled = self.stored && rows.value::<i64>(row, 3) >= registry.filled_version;
            let state = match filled {
                true => memory.run(|| {
                    rows.get::<&[u8]>(row, 4).and_then(|bytes| State::from_bytes(bytes, streams).ok())
                }),
                false => None,
            };
            let found = match state {
                None => Found::Lacking(at),
                Some(mut state) => {
                    state.advance(streams, at);
                    self.figures.values(nobody(&subscriber), &state, at, &mut view, &mut values);
                    Found::Features(self.active(&values).map(<[f64]>::to_vec))
                }
            };
            (subscriber, found)
        };
        (0..rows.count()).map(&mut found).collect()
    }

    /// Reads the events of those whose state lacks something.
    fn complete(&self, registry: &Registry, found: Vec<(String, Found)>) -> Vec<(String, Option<Vec<f64>>)> {
        let lacking = found.iter().filter(|(_, found)| matches!(found, Found::Lacking(_)));
        let lacking: Vec<String> = lacking.map(|(subscriber, _)| subscriber.clone()).collect();
        let mut events = match lacking.is_empty() {
            true => Default::default(),
            false => connect(|session| scan::events_of(session, registry, self.figures.program(), &lacking)),
        };
        let (mut view, mut values) = (View::default(), Vec::new());
        let mut complete = |(subscriber, found): (String, Found)| {
            let features = match found {
                Found::Features(features) => features,
                Found::Lacking(at) => {
                    let change = events.remove(&subscriber).unwrap_or_default();
                    let state = of_events(self.figures.program(), &change, at);
                    self.figures.values(nobody(&subscriber), &state, at, &mut view, &mut values);
                    self.active(&values).map(<[f64]>::to_vec)
                }
            };
            (subscriber, features)
        };
        found.into_iter().map(&mut complete).collect()
    }
}

/// What a state says about a subscriber.
enum Found {
    Features(Option<Vec<f64>>),
    /// Too little; when the subscriber is to be looked at.
    Lacking(Instant),
}

/// When the first and the last event happened, of those until now; `None` without events.
pub fn extent(registry: &Registry) -> Option<(Instant, Instant)> {
    let now = guc::statement_now();
    let mut extent: Option<(Instant, Instant)> = None;
    connect(|session| {
        for reader in readers(registry, &registry.sources) {
            let mut scan = Scan::open(session, &reader, Order::Any);
            while scan.next(|event| {
                if event.at <= now {
                    let (first, last) = extent.unwrap_or((event.at, event.at));
                    extent = Some((first.min(event.at), last.max(event.at)));
                }
            }) {}
            scan.close();
        }
    });
    extent
}
