//! When time changes what criteria say: against stepping through time.

use super::super::instant::{Instant, print_instant};
use super::super::next_flip::next_flip;
use super::super::random::Random;
use super::*;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;

/// Half-hour offsets, changes of the clocks at midnight, before and after it, by half an hour, over a whole day.
const ZONES: [(&str, &[&str]); 8] = [
    ("UTC", &["2024-02-29T00:00Z"]),
    ("Europe/Paris", &["2024-03-31T01:00Z", "2024-10-27T01:00Z"]),
    ("America/St_Johns", &["2010-03-14T03:31Z", "2010-11-07T02:31Z"]),
    ("America/Havana", &["2024-03-10T05:00Z", "2024-11-03T05:00Z"]),
    ("Asia/Beirut", &["2024-03-30T22:00Z", "2024-10-26T21:00Z"]),
    ("Asia/Kolkata", &["2024-12-31T18:30Z"]),
    ("Australia/Lord_Howe", &["2024-04-06T15:00Z", "2024-10-05T15:30Z"]),
    ("Pacific/Apia", &["2011-12-30T10:00Z", "2011-09-24T14:00Z"]),
];

#[test]
fn nothing_flips_before_the_next_flip() {
    let mut random = Random::new(11);
    let (mut told, mut exact) = (0, 0);
    for trial in 0..2_000 {
        let (zone, changes) = ZONES[trial % ZONES.len()];
        let change = at(random.pick(changes));
        let reach = random.pick(&[2 * 60, 3 * 1_440, 40 * 1_440]);
        let now = change + (random.below(2 * reach) as i64 - reach as i64) * MINUTE + random.below(3) as i64;
        random.set_now(now);
        let depth = random.pick(&[0, 0, 0, 1, 3]);
        let criteria = random.criteria_of_depth(depth);
        let node = parse_value(&criteria, Scope::DocumentAt).unwrap();
        let document = random.document();
        let zoned = Clock::new(now, zone).unwrap();
        let clock = |now: Instant| Clock { now, ..zoned };
        let holds = |now: Instant| matches_at(&node, &document, &clock(now));
        let mut now = now;
        for _ in 0..4 {
            let before = holds(now);
            let flip = next_flip(&node, &document, &clock(now));
            let end = flip.unwrap_or(now + 1_000 * DAY);
            assert!(end > now);
            let near = (0..8).map(|place| end - 1 - (1 << (4 * place)));
            let grid = (0..150).map(|step| now + step * 30 * MINUTE);
            let sample = (0..40).map(|_| now + random.below((end - now) as usize) as i64);
            let moments: Vec<Instant> =
                near.chain(grid).chain(sample).chain([change, change - 1, end - 1]).collect();
            for moment in moments.into_iter().filter(|moment| (now..end).contains(moment)) {
                assert_eq!(
                    holds(moment),
                    before,
                    "{criteria} over {document} in {zone} from {} on flips at {}, not as late as {}",
                    print_instant(now),
                    print_instant(moment),
                    print_instant(end),
                );
            }
            let Some(flip) = flip else { break };
            told += 1;
            exact += i32::from(holds(flip) != before);
            now = flip;
        }
    }
    // Most of them are flips.
    assert!(told > 300 && exact * 10 > told * 9, "{exact} of {told}");
}
