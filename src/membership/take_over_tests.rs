//! What a program takes over from the one before it says what is compiled anew.

use super::tests::{SOMEBODY, ZONES, any_criteria, any_event, definition, fresh, replanned, standing};
use super::*;
use crate::activity::{DAY, Selection, Stream};
use crate::criteria::{Safeguards, Zone};
use crate::score::features;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a change of definitions does about one.
#[derive(Clone, Debug)]
enum Fate {
    Stays,
    Altered(Value),
    /// Whoever is a member leaves by these criteria.
    LeavesBy(Value),
    Held,
    /// Its calendar is another.
    Elsewhere,
    /// Whoever is a member of it may not move to the next one, nor back.
    Tiered,
    /// Its name and that of the next one are exchanged.
    Renamed,
    Dropped,
    Added(Value),
    /// A segment of its members and whoever these criteria are true of.
    Joined(Value),
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Stays),
        1 => any_criteria().prop_map(Fate::Altered),
        1 => any_criteria().prop_map(Fate::LeavesBy),
        1 => Just(Fate::Held),
        1 => Just(Fate::Elsewhere),
        1 => Just(Fate::Tiered),
        1 => Just(Fate::Renamed),
        1 => Just(Fate::Dropped),
        1 => any_criteria().prop_map(Fate::Added),
        1 => any_criteria().prop_map(Fate::Joined),
    ]
}

impl Fate {
    fn befall(&self, definitions: &mut Vec<Definition>, place: usize) {
        let next = 1 + definitions.iter().map(|definition| definition.id).max().unwrap_or_default();
        match self {
            Fate::Added(criteria) => return definitions.push(definition(next, criteria.clone())),
            Fate::Joined(criteria) => {
                let Some(joined) = definitions.get(place) else { return };
                let criteria = json!({"any": [{"segment": &*joined.name}, criteria]});
                return definitions.push(definition(next, criteria));
            }
            Fate::Dropped if place < definitions.len() => return drop(definitions.remove(place)),
            _ => {}
        }
        if let Some([this, other]) = definitions.get_mut(place..place + 2) {
            match self {
                Fate::Renamed => std::mem::swap(&mut this.name, &mut other.name),
                Fate::Tiered if this.tiers.is_none() && other.tiers.is_none() => {
                    let segments = vec![this.id, other.id];
                    let tiers = Tiers { name: format!("t{}", this.id), segments, moves: Vec::new() };
                    this.tiers = Some(tiers.into());
                    other.tiers.clone_from(&this.tiers);
                }
                _ => {}
            }
        }
        let Some(this) = definitions.get_mut(place) else { return };
        match self {
            Fate::Altered(criteria) => this.criteria = definition(this.id, criteria.clone()).criteria,
            Fate::LeavesBy(criteria) => {
                let safeguards = json!({"leave": criteria, "stay": "2 hours"}).to_string();
                this.safeguards = Some(Safeguards::parse(&safeguards, &features(), &[]).unwrap().into());
            }
            Fate::Held => this.on_hold = !this.on_hold,
            Fate::Elsewhere => {
                this.zone = Zone::by_name(ZONES[(this.id + 1) as usize % ZONES.len()]).unwrap()
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_taken_over_says_what_is_compiled_anew(
        criteria in prop::collection::vec(any_criteria(), 1..5),
        changes in prop::collection::vec(prop::collection::vec(any_fate(), 0..5), 1..3),
        events in prop::collection::vec(any_event(), 1..8), now in 0..DAY, later in 0..DAY,
    ) {
        let mut definitions: Vec<Definition> = Vec::new();
        criteria.into_iter().for_each(|criteria| Fate::Added(criteria).befall(&mut definitions, 0));
        let mut streams = replanned(Vec::new(), &definitions);
        let mut before = Program::compile(streams.clone(), &definitions).unwrap();
        for fates in changes {
            let known = (streams.clone(), definitions.clone());
            fates.iter().enumerate().for_each(|(place, fate)| fate.befall(&mut definitions, place));
            streams = replanned(streams, &definitions);
            let anew = match Program::compile(streams.clone(), &definitions) {
                Ok(anew) => anew,
                Err(error) => {
                    let after = Program::compile_after(Some(&before), streams.clone(), &definitions);
                    prop_assert_eq!(after.err().map(|error| error.to_string()), Some(error.to_string()));
                    (streams, definitions) = known;
                    continue;
                }
            };
            let after = Program::compile_after(Some(&before), streams.clone(), &definitions).unwrap();
            prop_assert!(after.is_of(&streams, &definitions));
            let state = fresh(&anew, &events, now);
            prop_assert_eq!(&fresh(&after, &events, now), &state);
            let evaluation = anew.evaluate(SOMEBODY, &state, now, Patience::Much);
            prop_assert_eq!(after.evaluate(SOMEBODY, &state, now, Patience::Much), evaluation);
            for definition in &definitions {
                let explained = anew.explain(definition, SOMEBODY, &state, now);
                prop_assert_eq!(after.explain(definition, SOMEBODY, &state, now), explained);
            }
            let advance = |program: &Program| {
                let (mut state, mut standing) = (state.clone(), standing(&anew, &state, now));
                let transitions = program.advance(SOMEBODY, &mut state, &mut standing, now, now + later);
                (state, standing, transitions)
            };
            prop_assert_eq!(advance(&after), advance(&anew));
            before = after;
        }
    }
}

#[test]
fn a_program_is_of_nothing_but_what_it_was_compiled_from() {
    let open = |within: &str| json!({"event": "open", "within": within, "count": {"min": 2}});
    let definitions = vec![definition(1, open("3 days")), definition(2, open("9 days"))];
    let streams = replanned(Vec::new(), &definitions);
    let program = Program::compile(streams.clone(), &definitions).unwrap();
    assert!(program.is_of(&streams, &definitions));
    let fates = [
        Fate::Altered(open("4 days")),
        Fate::LeavesBy(open("2 days")),
        Fate::Held,
        Fate::Elsewhere,
        Fate::Tiered,
        Fate::Renamed,
        Fate::Dropped,
        Fate::Added(open("2 days")),
    ];
    for fate in fates {
        let mut others = definitions.clone();
        fate.befall(&mut others, 0);
        assert!(!program.is_of(&streams, &others), "{fate:?}");
    }
    assert!(!program.is_of(&[], &definitions));
    let mut wider = streams.clone();
    wider[0].horizons.panes[0] += 1;
    assert!(!program.is_of(&wider, &definitions));
    let other = Stream::new(streams[0].id, Selection::everything(), streams[0].horizons).unwrap();
    assert!(!program.is_of(&[other], &definitions));
}
