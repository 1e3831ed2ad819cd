//! When time alone changes what criteria say of a document that stays as it is.

use super::ast::{Filter, Node, Operator, Test};
use super::clock::Clock;
use super::compare::{elements, holds, passes, read_day, read_time};
use super::document::{Document, Kind};
use super::evaluate::{follow, matches_at};
use super::instant::{Instant, instant};
use super::moment::{Stretch, stretch_of_today};
use chrono::{Datelike, Days, NaiveDate, NaiveTime};

/// How many changes of what an operator compares with are looked at in search of one that matters, and how many changes of
/// operators in search of one that changes the whole.
pub(super) const STRETCHES: usize = 64;
const CHANGES: usize = 16;

/// The earliest instant after now at which the truth of criteria over a document can differ from what it is now: never later
/// than that, earlier only where it takes long to tell. `None` where it cannot, as long as the calendar goes.
pub fn next_flip<'a, D: Document<'a>>(node: &Node, document: D, clock: &Clock) -> Option<Instant> {
    let change = |clock: &Clock| next_change(node, document, clock);
    walk(clock, CHANGES, |clock| matches_at(node, document, clock), change)
}

/// The same of a test of one value, absent or present.
pub fn next_flip_of_test<'a, D: Document<'a>>(
    test: &Test,
    stored: Option<D>,
    clock: &Clock,
) -> Option<Instant> {
    let change = |clock: &Clock| {
        let operators = test.operators.iter();
        operators.filter_map(|operator| next_flip_of(operator, stored, test.ignore_case, clock)).min()
    };
    walk(clock, CHANGES, |clock| passes(test, stored, clock), change)
}

/// Goes from change to change, each strictly later than the one before, up to the first that changes the truth, or the last
/// that is looked at.
pub(super) fn walk(
    clock: &Clock,
    most: usize,
    truth: impl Fn(&Clock) -> bool,
    next_change: impl Fn(&Clock) -> Option<Instant>,
) -> Option<Instant> {
    let (before, mut clock) = (truth(clock), *clock);
    for _ in 0..most {
        clock.now = next_change(&clock)?;
        if truth(&clock) != before {
            break;
        }
    }
    Some(clock.now)
}

/// When the truth of a part can change.
fn next_change<'a, D: Document<'a>>(node: &Node, document: D, clock: &Clock) -> Option<Instant> {
    let earliest = |nodes: &[Node]| nodes.iter().filter_map(|node| next_change(node, document, clock)).min();
    match node {
        Node::All(nodes) | Node::Any(nodes) | Node::None(nodes) | Node::AtLeast(_, nodes) => earliest(nodes),
        Node::Not(node) => next_change(node, document, clock),
        Node::Attribute(path, test) => next_flip_of_test(test, follow(document, path), clock),
        Node::Event(_)
        | Node::Sequence(_)
        | Node::Bucket(_)
        | Node::Segment(_)
        | Node::Tier(_)
        | Node::Number(_) => None,
    }
}

fn next_flip_of<'a, D: Document<'a>>(
    operator: &Operator,
    stored: Option<D>,
    ignore_case: bool,
    clock: &Clock,
) -> Option<Instant> {
    let value = stored.filter(|value| value.kind() != Kind::Null);
    let truth = |clock: &Clock| holds(operator, stored, ignore_case, clock);
    let time = || read_time(value?, clock);
    let later = |instants: &[Instant]| instants.iter().copied().filter(|at| *at > clock.now).min();
    match operator {
        Operator::Before(moment) | Operator::After(moment) => {
            let (at, play) = (time()?, moment.play());
            walk(clock, STRETCHES, truth, |clock| end_of(moment.stretch(clock)?, at, play, clock.now))
        }
        Operator::On(moment) => {
            let (at, play) = (time()?, moment.play_of_day());
            walk(clock, STRETCHES, truth, |clock| end_of(moment.stretch_of_day(clock)?, at, play, clock.now))
        }
        Operator::Anniversary => {
            let day = read_day(value?, clock)?;
            walk(clock, STRETCHES, truth, |clock| next_day(day, clock))
        }
        Operator::Within(length) => {
            let at = time()?;
            later(&[at, at + length.seconds() * 1_000_000])
        }
        Operator::OlderThan(length) => later(&[time()? + length.seconds() * 1_000_000]),
        Operator::AnyElement(filter) => {
            let elements = elements(value).filter_map(|element| match filter.as_ref() {
                Filter::Element(test) => next_flip_of_test(test, Some(element), clock),
                Filter::Criteria(node) => next_flip(node, element, clock),
            });
            elements.min()
        }
        _ => None,
    }
}

/// When a time can next come to lie on another side of an end of what moves: at the end of the stretch, or before it where an
/// end passes; not while a time ahead is too far, nor where one behind is passed for good.
pub(super) fn end_of(stretch: Stretch, at: Instant, play: i64, now: Instant) -> Option<Instant> {
    let Stretch { range, moves, until, rises, ahead } = stretch;
    if range.start.saturating_sub(play) > at || !moves && until.is_none() {
        return None;
    }
    let ends = [range.start, range.end].into_iter().filter(|end| moves && *end <= at);
    let next = ends.map(|end| now + (at - end) + 1).chain(until).min()?;
    let reach = |faster: i64| now.saturating_add(at - range.end).saturating_sub(faster);
    let steady = match rises {
        Some(rises) if at >= range.end => reach(ahead).min(rises).max(reach(play)),
        Some(rises) if at < range.start => rises,
        _ => now,
    };
    Some(next.max(steady))
}

/// When today becomes another day; not before it comes near the next one with the month and day of another.
fn next_day(day: NaiveDate, clock: &Clock) -> Option<Instant> {
    let until = stretch_of_today(clock)?.until?;
    // Clocks that are set back after midnight show the day before once more.
    let yesterday = clock.local(clock.now)?.date().checked_sub_days(Days::new(1))?;
    // The 29th of February may fall on the 28th.
    let in_year = |year| NaiveDate::from_ymd_opt(year, day.month(), day.day().min(28));
    let mut years = (yesterday.year()..).take(2).filter_map(in_year);
    let near = years.find(|near| near.checked_add_days(Days::new(3)).is_none_or(|last| last >= yesterday))?;
    let near = near.checked_sub_days(Days::new(2))?;
    Some(until.max(instant(near.and_time(NaiveTime::MIN))))
}
