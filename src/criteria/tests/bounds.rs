//! The ends of event leaves: where they lie, and when they pass something.

use super::super::random::Random;
use super::*;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;
const MOMENTS: [&str; 16] = [
    "today",
    "yesterday",
    "this_week",
    "last_week",
    "this_month",
    "last_month",
    "this_year",
    "last_year",
    "now/h",
    "now-2h/m",
    "now/d+90m",
    "now-1M/d",
    "now-13M/M+2d",
    "now-30d-6M/w",
    "now-1M/d-5h",
    "now-40y/y",
];
const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Paris",
    "America/St_Johns",
    "America/Havana",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
];

/// The ends of what a leaf has a moment for, in a time zone.
fn bounds(moment: &str, zone: &str) -> Vec<Bound> {
    let zone = Zone::by_name(zone).unwrap();
    let span = |key: &str| match parse_value(&json!({"event": "a", key: moment}), Scope::Subscriber) {
        Ok(Node::Event(leaf)) => leaf.span,
        other => panic!("{moment}: {other:?}"),
    };
    let ends =
        [span("from").lower(zone), span("until").upper(zone), span("on").lower(zone), span("on").upper(zone)];
    ends.into_iter().flatten().collect()
}

#[test]
fn bounds_lie_on_panes_and_no_further_back_than_is_said() {
    let mut random = Random::new(14);
    for trial in 0..ZONES.len() * MOMENTS.len() {
        let (zone, moment) = (ZONES[trial % ZONES.len()], MOMENTS[trial / ZONES.len()]);
        for bound in bounds(moment, zone) {
            let (reach, hourly) = (bound.reach(), bound.is_hourly());
            for _ in 0..60 {
                // Of the years 2010 to 2030.
                let now =
                    3_653 * DAY + random.below(20 * 365 * 1_440) as i64 * MINUTE + random.below(3) as i64 - 1;
                let at = bound.at(now).unwrap();
                assert!(at >= now - reach, "{moment} in {zone} at {now}: {at}, beyond {reach}");
                assert_eq!(
                    at % if hourly { 60 * MINUTE } else { MINUTE },
                    0,
                    "{moment} in {zone} at {now}: {at}"
                );
            }
        }
    }
    assert!(bounds("today", "Europe/Paris").iter().all(Bound::is_hourly));
    assert!(!bounds("today", "Asia/Kolkata").iter().any(Bound::is_hourly));
    assert!(!bounds("now-2h/m", "UTC")[0].is_hourly() && !bounds("now/d+90m", "UTC")[0].is_hourly());
}

#[test]
fn bounds_pass_nothing_before_it_is_said() {
    let mut random = Random::new(15);
    let mut told = 0;
    for trial in 0..ZONES.len() * MOMENTS.len() {
        let (zone, moment) = (ZONES[trial % ZONES.len()], MOMENTS[trial / ZONES.len()]);
        for bound in bounds(moment, zone) {
            let change = at(random.pick(&[
                "2010-11-07T02:31Z",
                "2011-12-30T10:00Z",
                "2018-02-18T02:00Z",
                "2024-11-03T05:00Z",
                "2024-04-06T15:00Z",
            ]));
            let now = change + (random.below(6 * 1_440) as i64 - 5 * 1_440) * MINUTE;
            let place = bound.at(now).unwrap();
            let event = place + (random.below(4 * 1_440) as i64 - 2 * 1_440) * MINUTE;
            let passed = |now| bound.at(now).is_some_and(|place| event < place);
            let pass = bound.next_pass(event, now);
            let end = pass.unwrap_or(now + 60 * DAY);
            assert!(end > now);
            told += i32::from(pass.is_some_and(|pass| passed(pass) != passed(now)));
            let grid = (0..400).map(|step| now + step * 20 * MINUTE);
            for other in grid.chain([end - 1, change - 1, change]).filter(|other| (now..end).contains(other))
            {
                assert_eq!(
                    passed(other),
                    passed(now),
                    "{moment} in {zone} from {now} on passes {event} at {other}, not {end}"
                );
            }
        }
    }
    assert!(told > 100, "{told}");
}
