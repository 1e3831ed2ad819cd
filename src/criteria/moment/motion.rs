//! How a moment moves with the current time: by stretches, in each of which it keeps pace with it or stands still.

use super::{Anchor, Moment, Place, Step, Unit};
use crate::criteria::clock::Clock;
use crate::criteria::instant::{Instant, instant};
use chrono::NaiveDateTime;
use std::ops::Range;

const DAY: i64 = 86_400_000_000;

/// More than the offsets of one zone differ, to the calendar and back.
const CLOCKS: i64 = 52 * DAY / 24;

/// What a moment does from an instant on.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// What it covers at that instant.
    pub range: Range<Instant>,
    /// Whether it keeps pace with time; else it stands still.
    pub moves: bool,
    /// The first instant at which that may be over; `None` where it never is.
    pub until: Option<Instant>,
    /// The first instant at which it may go back, and how much faster than time it may have moved up to then.
    pub rises: Option<Instant>,
    pub ahead: i64,
}

impl Moment {
    /// The stretch of [`Moment::period`] that begins now. `None` beyond the calendar, where a moment is taken to stay.
    pub fn stretch(&self, clock: &Clock) -> Option<Stretch> {
        if !self.is_relative() {
            return Some(Stretch {
                range: self.period(clock)?,
                moves: false,
                until: None,
                rises: None,
                ahead: 0,
            });
        }
        let course =
            self.steps.iter().try_fold(Course::of_now(clock), |course, step| course.step(*step, clock));
        course?.stretch(self.unit(), clock)
    }

    /// The same of [`Moment::day`].
    pub fn stretch_of_day(&self, clock: &Clock) -> Option<Stretch> {
        if self.unit().is_some() || !self.is_relative() {
            let stretch = self.stretch(clock)?;
            return Some(Stretch { range: self.day(clock)?, ..stretch });
        }
        let now = Course::of_now(clock);
        let course = match self.whole_days() {
            Some(days) => now.step(Step::Days(days), clock)?,
            None => {
                self.steps.iter().try_fold(now, |course, step| course.step(*step, clock))?.at_instant(clock)
            }
        };
        course.step(Step::Floor(Unit::Day), clock)?.stretch(Some(Unit::Day), clock)
    }

    /// At most so much more or less lies between the current time and an end of the moment at one instant than at another.
    pub fn play(&self) -> i64 {
        let steps = self.steps.iter().map(|step| match step {
            Step::Seconds(_) => 0,
            Step::Days(_) => CLOCKS,
            // The lengths of months and the leap years among them.
            Step::Months(_) => CLOCKS + 8 * DAY,
            Step::Floor(unit) => CLOCKS + unit.longest(),
        });
        match (self.anchor, self.steps.as_slice()) {
            (Anchor::Written(_), _) | (Anchor::Now, [] | [Step::Seconds(_)]) => 0,
            // The end is that of a period of varying length.
            _ => steps.sum::<i64>() + CLOCKS + 4 * DAY,
        }
    }

    /// The same of the days that it lies in.
    pub fn play_of_day(&self) -> i64 {
        self.play() + 2 * CLOCKS + 2 * DAY
    }
}

/// The stretch in which today stays what it is.
pub fn stretch_of_today(clock: &Clock) -> Option<Stretch> {
    Course::of_now(clock).step(Step::Floor(Unit::Day), clock)?.stretch(Some(Unit::Day), clock)
}

/// How far the steps have come, and for how much longer what they do stays the same.
#[derive(Clone, Copy, Debug)]
struct Course {
    place: Place,
    moves: bool,
    holds: i64,
    /// For how much longer it does not go back at least, and how much faster than time it may move in that.
    rises: i64,
    ahead: i64,
}

impl Course {
    fn of_now(clock: &Clock) -> Self {
        Course { place: Place::Instant(clock.now), moves: true, holds: i64::MAX, rises: i64::MAX, ahead: 0 }
    }

    fn step(self, step: Step, clock: &Clock) -> Option<Self> {
        let place = self.place.step(step, clock)?;
        if !self.moves {
            return Some(Course { place, rises: self.holds, ahead: 0, ..self });
        }
        let at = self.place.local(clock)?;
        let steady = match step {
            Step::Seconds(_) => self.place.reads(clock),
            // The days of a month are taken to one day each.
            Step::Months(_) => self.place.shows(clock).min(Unit::Day.rest(at)?),
            Step::Floor(unit) if unit.seconds().is_some() => {
                self.place.reads(clock).min(clock.holds(self.place.instant(clock)))
            }
            Step::Days(_) | Step::Floor(_) => self.place.shows(clock),
        };
        let rises = steady.min(self.holds);
        Some(match step {
            Step::Floor(unit) => {
                let holds = rises.min(unit.rest(at)?);
                Course { place, moves: false, holds, rises, ahead: unit.longest() + CLOCKS }
            }
            _ => Course { place, moves: true, holds: rises, rises, ahead: 0 },
        })
    }

    /// As an instant, where it was a time on the calendar.
    fn at_instant(self, clock: &Clock) -> Self {
        let reads = if self.moves { self.place.reads(clock) } else { i64::MAX };
        let (holds, rises) = (self.holds.min(reads), self.rises.min(reads));
        Course { place: Place::Instant(self.place.instant(clock)), holds, rises, ..self }
    }

    fn stretch(self, unit: Option<Unit>, clock: &Clock) -> Option<Stretch> {
        let Course { moves, holds, rises, ahead, .. } = self.at_instant(clock);
        let end = |length: i64| clock.now.checked_add(length).filter(|_| length < i64::MAX);
        let range = self.place.period(unit, clock)?;
        Some(Stretch { range, moves, until: end(holds), rises: end(rises), ahead })
    }
}

impl Place {
    /// For how long a place that moves keeps pace where it is read as an instant.
    fn reads(self, clock: &Clock) -> i64 {
        match self {
            Place::Instant(_) => i64::MAX,
            Place::Local(local) => clock.reads(local),
        }
    }

    /// The same where it is read on the calendar.
    fn shows(self, clock: &Clock) -> i64 {
        match self {
            Place::Instant(instant) => clock.holds(instant),
            Place::Local(_) => i64::MAX,
        }
    }
}

impl Unit {
    /// How much of the period that a time lies in is left, on the clock or on the calendar.
    fn rest(self, local: NaiveDateTime) -> Option<i64> {
        match self.seconds() {
            Some(seconds) => Some(seconds * 1_000_000 - instant(local).rem_euclid(seconds * 1_000_000)),
            None => (self.end(self.floor(local)?)? - local).num_microseconds(),
        }
    }

    fn longest(self) -> i64 {
        match self {
            Unit::Year => 366 * DAY,
            Unit::Month => 31 * DAY,
            Unit::Week => 7 * DAY,
            _ => DAY,
        }
    }
}
