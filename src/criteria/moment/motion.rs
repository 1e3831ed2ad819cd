//! How a moment moves with the current time: by stretches, in each of which it keeps pace with it or stands still.

use super::{Moment, Place, Step, Unit};
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
        self.course(clock)?.stretch(self.unit(), clock)
    }

    /// The same of [`Moment::day`].
    pub fn stretch_of_day(&self, clock: &Clock) -> Option<Stretch> {
        if self.unit().is_some() || !self.is_relative() {
            let stretch = self.stretch(clock)?;
            return Some(Stretch { range: self.day(clock)?, ..stretch });
        }
        let course = match self.whole_days() {
            Some(days) => Course::of_now(clock).step(Step::Days(days), None, clock)?,
            None => self.course(clock)?.at_instant(clock),
        };
        course.step(Step::Floor(Unit::Day), None, clock)?.stretch(Some(Unit::Day), clock)
    }

    fn course(&self, clock: &Clock) -> Option<Course> {
        let mut steps = self.steps.iter().enumerate();
        steps.try_fold(Course::of_now(clock), |course, (place, step)| {
            course.step(*step, self.steps.get(place + 1).copied(), clock)
        })
    }

    /// At most so much more or less lies between the current time and an end of the moment at one instant than at another.
    pub fn play(&self) -> i64 {
        if self.is_relative() { play(&self.steps, self.unit()) } else { 0 }
    }

    /// The same of [`Moment::day`].
    pub fn play_of_day(&self) -> i64 {
        match self.whole_days() {
            _ if self.unit().is_some() || !self.is_relative() => self.play(),
            Some(_) => CLOCKS + DAY,
            None => self.play() + CLOCKS + DAY,
        }
    }

    /// At most so far before now it lies, or its day.
    pub fn reach(&self, day: bool) -> i64 {
        let ahead = self.steps.iter().map(|step| match step {
            Step::Seconds(seconds) => seconds * 1_000_000,
            Step::Days(days) => days * DAY,
            // On average, over 400 years.
            Step::Months(months) => months * 2_629_746_000_000,
            Step::Floor(_) => 0,
        });
        let play = if day { self.play_of_day() } else { self.play() };
        (play - ahead.sum::<i64>()).max(0)
    }

    /// The seconds of a clock on the wall that it is always a multiple of, up to an hour; `None` of an instant that moves
    /// with the current time.
    pub fn grain(&self) -> Option<i64> {
        self.steps.iter().fold(None, |grain, step| match (step, grain) {
            (Step::Floor(unit), _) => Some(unit.seconds().unwrap_or(3_600)),
            (Step::Seconds(seconds), Some(grain)) => Some(common_divisor(grain, *seconds)),
            (_, grain) => grain,
        })
    }

    /// The same of [`Moment::day`].
    pub fn grain_of_day(&self) -> Option<i64> {
        if self.unit().is_some() { self.grain() } else { Some(3_600) }
    }
}

fn common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { common_divisor(b, a % b) }
}

/// See [`Moment::play`].
fn play(steps: &[Step], unit: Option<Unit>) -> i64 {
    let (mut play, mut on_calendar) = (0, false);
    for step in steps {
        let to_calendar = !matches!(step, Step::Seconds(_))
            && !matches!(step, Step::Floor(unit) if unit.seconds().is_some());
        if to_calendar && !on_calendar {
            play += CLOCKS;
        }
        on_calendar = to_calendar;
        play += match step {
            Step::Seconds(_) | Step::Days(_) => 0,
            // The lengths of months and the leap years among them.
            Step::Months(_) => 8 * DAY,
            Step::Floor(unit) => unit.longest(),
        };
    }
    // The end is that of a period of varying length.
    match unit {
        Some(Unit::Month) => play + 3 * DAY,
        Some(Unit::Year) => play + DAY,
        _ => play,
    }
}

/// The stretch in which today stays what it is.
pub fn stretch_of_today(clock: &Clock) -> Option<Stretch> {
    Course::of_now(clock).step(Step::Floor(Unit::Day), None, clock)?.stretch(Some(Unit::Day), clock)
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

    /// A step, and the one after it.
    fn step(self, step: Step, next: Option<Step>, clock: &Clock) -> Option<Self> {
        let place = self.place.step(step, clock)?;
        if !self.moves {
            return Some(Course { place, rises: self.holds, ahead: 0, ..self });
        }
        let at = self.place.local(clock)?;
        let steady = match step {
            Step::Seconds(_) => self.place.reads(clock),
            // The days of a month are taken to one day each, but where no more than the month matters.
            Step::Months(_) => {
                let of_month = matches!(next, Some(Step::Floor(Unit::Month | Unit::Year)));
                let unit = if of_month { Unit::Month } else { Unit::Day };
                self.place.shows(clock).min(unit.rest(at)?)
            }
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
            Unit::Day => DAY,
            shorter => shorter.seconds().unwrap_or_default() * 1_000_000,
        }
    }
}
