//! Any way to the same events gives the same state, and the state counts as the definition does.

use super::*;
use crate::criteria::Duration;
use proptest::prelude::*;

fn window(text: &str) -> Window {
    Window::new(Duration::parse(text).unwrap())
}

const WINDOWS: [&str; 4] = ["90 minutes", "7 days", "30 days", "90 days"];

fn streams() -> Streams {
    let mut wide = Horizons { extent: true, ..Horizons::default() };
    WINDOWS.iter().for_each(|text| wide.include(window(text)));
    Streams::new(vec![
        Stream::new(1, Selection::everything().with_value(), wide).unwrap(),
        Stream::new(4, Selection::of_type("purchase"), Horizons::default()).unwrap(),
    ])
}

fn entry(at: Instant, sum: i64, sign: i64) -> Entry {
    Entry { feed: streams().feed(&[1], true, false), at, count: sign, sum: sign * sum, item: 0 }
}

/// The state of a multiset of events, computed in one go.
fn fresh(events: &[(Instant, i64)], now: Instant) -> State {
    let mut state = State { events: events.len() as i64, ..State::default() };
    for (at, sum) in events {
        assert_eq!(state.fold(&streams(), &entry(*at, *sum, 1), now), Fold::Exact);
    }
    state.advance(&streams(), now);
    state
}

fn any_event() -> impl Strategy<Value = (Instant, i64)> {
    // Few distinct times, so that panes collide, some events coincide and some lie ahead.
    ((-100_i64..20), prop_oneof![Just(0), 0..DAY], -3_i64..100)
        .prop_map(|(day, within, sum)| (day * DAY + within, sum))
}

proptest! {
    #[test]
    fn a_history_and_its_outcome_agree(
        events in prop::collection::vec(any_event(), 0..30),
        gone in prop::collection::vec(any::<bool>(), 30),
        steps in prop::collection::vec(-40_i64..30, 1..5),
    ) {
        // Add everything and then remove some, with the clock moving on in between.
        let mut clock: Vec<Instant> = steps.iter().map(|day| day * DAY + HOUR / 2).collect();
        clock.sort_unstable();
        let streams = streams();
        let mut state = State::default();
        let mut recompute = false;
        for (index, (at, sum)) in events.iter().enumerate() {
            let now = clock[index * clock.len() / events.len()];
            state.advance(&streams, now);
            recompute |= state.fold(&streams, &entry(*at, *sum, 1), now) == Fold::Recompute;
            state.events += 1;
        }
        prop_assert!(!recompute, "adding is always exact");
        let now = *clock.last().unwrap();
        state.advance(&streams, now);
        let mut left = Vec::new();
        for ((at, sum), gone) in events.iter().zip(&gone) {
            if *gone {
                recompute |= state.fold(&streams, &entry(*at, *sum, -1), now) == Fold::Recompute;
                state.events -= 1;
            } else {
                left.push((*at, *sum));
            }
        }
        if !recompute {
            prop_assert_eq!(&state, &fresh(&left, now));
            prop_assert_eq!(state.to_bytes(), fresh(&left, now).to_bytes());
        }
    }

    #[test]
    fn tallies_follow_the_definition(events in prop::collection::vec(any_event(), 0..30), now in -10..10_i64, later in 0..100_i64) {
        let now = now * DAY + HOUR / 3;
        let state = fresh(&events, now);
        // Later instants may be asked about as long as no pending event is reached.
        let at = (now + later * DAY).min(state.next_pending().map_or(i64::MAX, |next| next - 1)).max(now);
        for text in WINDOWS {
            let window = window(text);
            let length = Duration::parse(text).unwrap().seconds() * SECOND;
            let r = window.resolution.micros();
            let floor = |at: i64| at.div_euclid(r) * r;
            let counted = |at: Instant| events.iter().filter(move |(ts, _)| *ts <= at && floor(*ts) > floor(at) - length);
            let tally = state.tally(1, Some(window), at);
            prop_assert_eq!(tally.count, counted(at).count() as i64);
            prop_assert_eq!(tally.sum, counted(at).map(|(_, sum)| i128::from(*sum)).sum::<i128>());
            prop_assert_eq!(state.line(1, window.resolution).daily_counts(window, at).iter().sum::<i64>(), tally.count);
            // Nothing leaves before the next expiry, and something leaves at it.
            if let Some(expiry) = state.line(1, window.resolution).next_expiry(window, at) {
                prop_assert_eq!(state.tally(1, Some(window), expiry - 1), tally);
                prop_assert!(state.tally(1, Some(window), expiry).count < tally.count);
            }
        }
        let reached: Vec<_> = events.iter().map(|(ts, _)| *ts).filter(|ts| *ts <= at).collect();
        prop_assert_eq!(state.tally(1, None, at).count, reached.len() as i64);
        prop_assert_eq!(state.extent(1), reached.iter().min().copied().zip(reached.iter().max().copied()));
    }

    #[test]
    fn bytes_round_trip(events in prop::collection::vec(any_event(), 0..30), now in -10..10_i64) {
        let state = fresh(&events, now * DAY);
        prop_assert_eq!(State::from_bytes(&state.to_bytes(), &streams()).unwrap(), state);
    }

    #[test]
    fn changes_round_trip(events in prop::collection::vec(any_event(), 0..30)) {
        let change = Change { events: -3, entries: events.iter().map(|(at, sum)| entry(*at, *sum, -1)).collect() };
        prop_assert_eq!(Change::from_bytes(&change.to_bytes(), &streams()).unwrap(), change);
    }

    #[test]
    fn hostile_bytes_give_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = State::from_bytes(&bytes, &streams());
        let mut versioned = vec![4, 0];
        versioned.extend(&bytes);
        let _ = State::from_bytes(&versioned, &streams());
        let _ = Change::from_bytes(&versioned, &streams());
    }
}

#[test]
fn a_future_event_counts_when_its_time_comes() {
    let mut state = fresh(&[(DAY, 5)], 0);
    assert_eq!(state.tally(1, None, 0).count, 0);
    assert_eq!(state.next_pending(), Some(DAY));
    state.advance(&streams(), DAY);
    assert_eq!(state.tally(1, Some(Window::days(7)), DAY), Tally { count: 1, sum: 5 });
    assert_eq!(state.next_pending(), None);
}

#[test]
fn removing_the_last_event_of_several_asks_for_a_recomputation() {
    let mut state = fresh(&[(0, 1), (HOUR, 2)], DAY);
    assert_eq!(state.fold(&streams(), &entry(HOUR, 2, -1), DAY), Fold::Recompute);
    let mut state = fresh(&[(0, 1)], DAY);
    assert_eq!(state.fold(&streams(), &entry(0, 1, -1), DAY), Fold::Exact);
}

#[test]
fn valid_times_are_the_years_1_to_9999() {
    // 0001-01-01 is 730,119 days before 2000-01-01, and 10000-01-01 is 2,921,940 days after.
    assert_eq!(VALID_TIMES.start, -730_119 * DAY);
    assert!(VALID_TIMES.contains(&0) && !VALID_TIMES.contains(&i64::MAX) && !VALID_TIMES.contains(&i64::MIN));
}

#[test]
fn streams_admit_by_filter_and_time_and_sum_by_path() {
    use crate::criteria::Path;
    use serde_json::json;
    let selection = Selection {
        event: Some("purchase".to_owned()),
        filter: Some(json!({"category": {"equals": "shoes"}})),
        of: Some(Path(vec!["amount".to_owned()])),
        from: Some(0),
        until: Some(DAY),
        keep: Keep::Sum,
        recurring: None,
    };
    let stream = Stream::new(1, selection, Horizons::default()).unwrap();
    assert!(stream.admits(&json!({"category": "shoes"}), 0));
    assert!(!stream.admits(&json!({"category": "hats"}), 0));
    assert!(
        !stream.admits(&json!({"category": "shoes"}), -1)
            && !stream.admits(&json!({"category": "shoes"}), DAY)
    );
    assert_eq!(stream.contribution("purchase", &json!({"amount": 12.5})), Some((12_500_000, 0)));
    assert_eq!(stream.contribution("purchase", &json!({"amount": "12.5"})), Some((0, 0)));
    assert_eq!(stream.contribution("purchase", &json!({"amount": 1e40})), Some((0, 0)));
}

#[test]
fn what_is_removed_and_added_again_leaves_nothing() {
    let mut change =
        Change { events: 0, entries: vec![entry(0, 5, 1), entry(0, 5, -1), entry(1, 5, -1), entry(2, 5, 1)] };
    change.settle();
    assert_eq!(change.entries, [entry(2, 5, 1), entry(1, 5, -1)]);
    let mut change = Change { events: 0, entries: vec![entry(0, 7, 1), entry(0, 5, -1)] };
    change.settle();
    assert_eq!((change.entries[0].count, change.entries[0].sum), (0, 2));
}

#[test]
fn fifty_events_of_ninety_days_take_few_bytes() {
    let events: Vec<_> =
        (0..50).map(|n| (n * 43 * HOUR + n * 7 * SECOND, 1_999_000_000 + n * 10_000)).collect();
    let bytes = fresh(&events, 90 * DAY).to_bytes().len();
    assert!(bytes < 320, "{bytes}");
}
