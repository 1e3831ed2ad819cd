//! The ends of what event leaves look at, where the calendar sets them.

use super::ast::Span;
use super::clock::{Clock, Zone};
use super::instant::Instant;
use super::moment::{Moment, Stretch};
use super::next_flip::{STRETCHES, end_of, walk};
use std::ops::Range;

/// An end of the period of a moment, in a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bound {
    moment: Moment,
    side: Side,
    zone: Zone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Side {
    /// Where the period begins.
    Beginning,
    /// Where the period, or else the day, begins that the moment lies in; and where that ends.
    DayBegins,
    DayEnds,
}

impl Span {
    /// What is selected does not lie before it.
    pub fn lower(&self, zone: Zone) -> Option<Bound> {
        let bound = |moment: &Moment, side| Bound { moment: moment.clone(), side, zone };
        let from = self.from.as_ref().map(|moment| bound(moment, Side::Beginning));
        from.or_else(|| self.on.as_ref().map(|moment| bound(moment, Side::DayBegins)))
    }

    /// What is selected lies before it.
    pub fn upper(&self, zone: Zone) -> Option<Bound> {
        let bound = |moment: &Moment, side| Bound { moment: moment.clone(), side, zone };
        let until = self.until.as_ref().map(|moment| bound(moment, Side::Beginning));
        until.or_else(|| self.on.as_ref().map(|moment| bound(moment, Side::DayEnds)))
    }
}

impl Bound {
    /// Where it lies at an instant; `None` beyond the calendar.
    pub fn at(&self, now: Instant) -> Option<Instant> {
        let clock = Clock { now, zone: self.zone };
        let period = if self.is_of_day() { self.moment.day(&clock) } else { self.moment.period(&clock) };
        period.map(|period| self.of(&period))
    }

    /// Where it lies, if it does not move with time.
    pub fn fixed(&self) -> Option<Instant> {
        if self.moment.is_relative() { None } else { self.at(0) }
    }

    /// When it can next come to lie on the other side of an instant, which is after it or else not.
    pub fn next_pass(&self, instant: Instant, now: Instant) -> Option<Instant> {
        let clock = Clock { now, zone: self.zone };
        let play = if self.is_of_day() { self.moment.play_of_day() } else { self.moment.play() };
        let passed = |clock: &Clock| self.at(clock.now).is_some_and(|at| instant < at);
        walk(&clock, STRETCHES, passed, |clock| {
            let stretch = if self.is_of_day() {
                self.moment.stretch_of_day(clock)?
            } else {
                self.moment.stretch(clock)?
            };
            let end = self.of(&stretch.range);
            end_of(Stretch { range: end..end, ..stretch }, instant, play, clock.now)
        })
    }

    /// At most so far before now it lies.
    pub fn reach(&self) -> i64 {
        self.moment.reach(self.is_of_day())
    }

    /// Whether it lies on full hours of UTC; else on full minutes.
    pub fn is_hourly(&self) -> bool {
        let grain = if self.is_of_day() { self.moment.grain_of_day() } else { self.moment.grain() };
        grain.is_some_and(|seconds| seconds % 3_600 == 0) && self.zone.is_hourly()
    }

    fn is_of_day(&self) -> bool {
        self.side != Side::Beginning
    }

    fn of(&self, period: &Range<Instant>) -> Instant {
        if self.side == Side::DayEnds { period.end } else { period.start }
    }
}
