//! The built-in features, each with its value and the next instant at which time alone can change it.

use super::engagement::{Engagement, consistency, rate};
use crate::activity::{DAY, Horizons, Instant, Line, Selection, State, Stream, Tally, VALUE_SCALE, Window};
use crate::criteria::{DECIMALS, Decimal, Quantity};
use crate::error::Result;

const WEEK: Window = Window::days(7);
const MONTH: Window = Window::days(30);
const QUARTER: Window = Window::days(90);

/// Whole days since the last event of someone who has none.
const NEVER: i64 = 999;

/// The streams that the features read. Their ids are fixed: they exist from the start and are never dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinStreams {
    pub everything: u32,
    pub opens: u32,
    pub clicks: u32,
    pub purchases: u32,
}

impl Default for BuiltinStreams {
    fn default() -> Self {
        BuiltinStreams { everything: 1, opens: 2, clicks: 3, purchases: 4 }
    }
}

impl BuiltinStreams {
    pub fn ids(self) -> [u32; 4] {
        [self.everything, self.opens, self.clicks, self.purchases]
    }

    /// The streams themselves, in the order of their ids.
    pub fn streams(self) -> Result<Vec<Stream>> {
        let horizons = |windows: &[Window]| {
            let mut horizons = Horizons::default();
            windows.iter().for_each(|window| horizons.include(*window));
            horizons
        };
        let everything = Horizons { extent: true, ..horizons(&[WEEK, MONTH, QUARTER]) };
        Ok(vec![
            Stream::new(self.everything, Selection::everything().with_value(), everything)?,
            Stream::new(self.opens, Selection::of_type("email_open"), horizons(&[MONTH]))?,
            Stream::new(self.clicks, Selection::of_type("email_click"), horizons(&[MONTH]))?,
            Stream::new(self.purchases, Selection::of_type("purchase").with_value(), horizons(&[QUARTER]))?,
        ])
    }
}

/// A part of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Minutes,
    Hours,
    Opens,
    Clicks,
    Purchases,
    /// All purchases, and the first and the last event.
    Ever,
}

/// A subscriber's state, as the features see it. The memory of one serves for the next.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Everything, by minute and by hour.
    minutes: Line,
    hours: Line,
    opens: Line,
    clicks: Line,
    purchases: Line,
    /// All purchases.
    bought: Tally,
    /// The times of the first and of the last event.
    extent: Option<(Instant, Instant)>,
}

impl View {
    pub fn of(state: &State) -> Self {
        let mut view = View::default();
        view.read(state);
        view
    }

    /// As one feature sees it.
    pub fn of_one(state: &State, feature: Feature) -> Self {
        let mut view = View::default();
        view.read_some(state, |part| feature.reads(part));
        view
    }

    pub fn read(&mut self, state: &State) {
        self.read_some(state, |_| true);
    }

    fn read_some(&mut self, state: &State, wanted: impl Fn(Part) -> bool) {
        let streams = BuiltinStreams::default();
        let read = |part: Part, stream: u32, window: Window, line: &mut Line| {
            if wanted(part) {
                state.read_line(stream, window.resolution, line);
            }
        };
        read(Part::Minutes, streams.everything, WEEK, &mut self.minutes);
        read(Part::Hours, streams.everything, QUARTER, &mut self.hours);
        read(Part::Opens, streams.opens, MONTH, &mut self.opens);
        read(Part::Clicks, streams.clicks, MONTH, &mut self.clicks);
        read(Part::Purchases, streams.purchases, QUARTER, &mut self.purchases);
        if wanted(Part::Ever) {
            self.bought = state.ever(streams.purchases);
            self.extent = state.extent(streams.everything);
        }
    }

    /// The times of the first and of the last event.
    pub fn extent(&self) -> Option<(Instant, Instant)> {
        self.extent
    }

    fn everything(&self, window: Window) -> &Line {
        if window == WEEK { &self.minutes } else { &self.hours }
    }

    fn events(&self, window: Window, at: Instant) -> i64 {
        self.everything(window).tally(window, at).count
    }

    fn rate(&self, part: &Line, window: Window, at: Instant) -> f64 {
        rate(part.tally(window, at).count, self.events(window, at))
    }

    fn consistency(&self, at: Instant) -> f64 {
        consistency(&self.hours.daily_counts(QUARTER, at))
    }

    fn days_since_last(&self, at: Instant) -> i64 {
        self.extent.map_or(NEVER, |(_, last)| (at - last).div_euclid(DAY))
    }

    fn engagement(&self, at: Instant) -> Engagement {
        Engagement {
            events_7d: self.events(WEEK, at),
            open_rate_30d: self.rate(&self.opens, MONTH, at),
            click_rate_30d: self.rate(&self.clicks, MONTH, at),
            conversion_rate_90d: self.rate(&self.purchases, QUARTER, at),
            consistency: self.consistency(at),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    TotalEvents7d,
    TotalEvents30d,
    TotalEvents90d,
    OpenRate30d,
    ClickRate30d,
    ConversionRate90d,
    EngagementConsistency,
    EngagementScore,
    TotalValue90d,
    LifetimeValue,
    DaysSinceLast,
}

impl Feature {
    pub const ALL: [Feature; 11] = [
        Feature::TotalEvents7d,
        Feature::TotalEvents30d,
        Feature::TotalEvents90d,
        Feature::OpenRate30d,
        Feature::ClickRate30d,
        Feature::ConversionRate90d,
        Feature::EngagementConsistency,
        Feature::EngagementScore,
        Feature::TotalValue90d,
        Feature::LifetimeValue,
        Feature::DaysSinceLast,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Feature::TotalEvents7d => "total_events_7d",
            Feature::TotalEvents30d => "total_events_30d",
            Feature::TotalEvents90d => "total_events_90d",
            Feature::OpenRate30d => "open_rate_30d",
            Feature::ClickRate30d => "click_rate_30d",
            Feature::ConversionRate90d => "conversion_rate_90d",
            Feature::EngagementConsistency => "engagement_consistency",
            Feature::EngagementScore => "engagement_score",
            Feature::TotalValue90d => "total_value_90d",
            Feature::LifetimeValue => "lifetime_value",
            Feature::DaysSinceLast => "days_since_last",
        }
    }

    pub fn by_name(name: &str) -> Option<Feature> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Whether the value or its next change depends on a part of the view.
    fn reads(self, part: Part) -> bool {
        match self {
            Feature::TotalEvents7d => part == Part::Minutes,
            Feature::TotalEvents30d
            | Feature::TotalEvents90d
            | Feature::EngagementConsistency
            | Feature::TotalValue90d => part == Part::Hours,
            Feature::OpenRate30d => matches!(part, Part::Hours | Part::Opens),
            Feature::ClickRate30d => matches!(part, Part::Hours | Part::Clicks),
            Feature::ConversionRate90d => matches!(part, Part::Hours | Part::Purchases),
            Feature::EngagementScore => part != Part::Ever,
            Feature::LifetimeValue | Feature::DaysSinceLast => part == Part::Ever,
        }
    }

    /// What numbers it can be.
    pub fn quantity(self) -> Quantity {
        match self {
            Feature::TotalEvents7d
            | Feature::TotalEvents30d
            | Feature::TotalEvents90d
            | Feature::DaysSinceLast => Quantity::count(),
            Feature::TotalValue90d | Feature::LifetimeValue => Quantity::ANY,
            Feature::OpenRate30d
            | Feature::ClickRate30d
            | Feature::ConversionRate90d
            | Feature::EngagementConsistency
            | Feature::EngagementScore => Quantity::share(),
        }
    }

    /// How many decimal places the value has.
    pub fn scale(self) -> u32 {
        match self {
            Feature::TotalEvents7d
            | Feature::TotalEvents30d
            | Feature::TotalEvents90d
            | Feature::DaysSinceLast => 0,
            Feature::TotalValue90d | Feature::LifetimeValue => VALUE_SCALE,
            _ => DECIMALS,
        }
    }

    /// The value at an instant not before the state's own.
    pub fn value(self, view: &View, at: Instant) -> Decimal {
        Decimal::from_scaled(self.units(view, at), self.scale())
    }

    /// The value in units of `10^-scale`.
    pub fn units(self, view: &View, at: Instant) -> i128 {
        match self {
            Feature::TotalEvents7d => view.events(WEEK, at).into(),
            Feature::TotalEvents30d => view.events(MONTH, at).into(),
            Feature::TotalEvents90d => view.events(QUARTER, at).into(),
            Feature::OpenRate30d => fraction(view.rate(&view.opens, MONTH, at)),
            Feature::ClickRate30d => fraction(view.rate(&view.clicks, MONTH, at)),
            Feature::ConversionRate90d => fraction(view.rate(&view.purchases, QUARTER, at)),
            Feature::EngagementConsistency => fraction(view.consistency(at)),
            Feature::EngagementScore => fraction(view.engagement(at).score()),
            Feature::TotalValue90d => view.hours.tally(QUARTER, at).sum,
            Feature::LifetimeValue => view.bought.sum,
            Feature::DaysSinceLast => view.days_since_last(at).into(),
        }
    }

    /// The earliest instant after `at` at which the value can change without a new event and before a pending
    /// one; `None` where it cannot.
    pub fn next_change(self, view: &View, at: Instant) -> Option<Instant> {
        let everything = |window| view.everything(window).next_expiry(window, at);
        match self {
            Feature::TotalEvents7d => everything(WEEK),
            // The parts of a rate are among the whole.
            Feature::TotalEvents30d | Feature::OpenRate30d | Feature::ClickRate30d => everything(MONTH),
            Feature::TotalEvents90d
            | Feature::ConversionRate90d
            | Feature::EngagementConsistency
            | Feature::TotalValue90d => everything(QUARTER),
            Feature::EngagementScore => [WEEK, MONTH, QUARTER].into_iter().filter_map(everything).min(),
            Feature::LifetimeValue => None,
            Feature::DaysSinceLast => {
                let (_, last) = view.extent?;
                Some(last + ((at - last).div_euclid(DAY) + 1) * DAY)
            }
        }
    }
}

fn fraction(value: f64) -> i128 {
    (value * 10_f64.powi(DECIMALS as i32)).round_ties_even() as i128
}
