//! What an evaluation knows about a subscriber beside the state.

use super::members::Members;
use super::safeguard::Standing;
use crate::activity::State;
use crate::profile::Profile;

/// Who is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub id: &'a str,
    pub manual: Option<&'a Manual>,
    pub profile: Option<&'a Profile>,
    /// Where they stood until now; `None` for somebody new.
    pub past: Option<&'a Standing>,
}

impl Subject<'_> {
    /// Nobody is a subscriber without a profile and without events.
    pub fn exists(&self, state: &State) -> bool {
        state.events > 0 || self.profile.is_some_and(Profile::is_known)
    }
}

/// Segments that a subscriber was added to, or excluded from, by hand: that wins over every criterion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manual {
    pub added: Members,
    pub excluded: Members,
}

impl Manual {
    /// From the stored form; `None` for one that nobody wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (added, excluded) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        Some(Manual { added: Members::from_bytes(added), excluded: Members::from_bytes(excluded) })
    }

    /// The bytes of the first set, their number in front, then those of the second.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (added, excluded) = (self.added.as_bytes(), self.excluded.as_bytes());
        [&(added.len() as u32).to_be_bytes(), added, excluded].concat()
    }

    pub fn is_empty(&self) -> bool {
        *self == Manual::default()
    }

    /// The segments that something was decided about, in no order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.added.iter().chain(self.excluded.iter())
    }

    /// Whether a subscriber is in a segment, where that was decided by hand.
    pub fn decides(&self, segment: u32) -> Option<bool> {
        let added = self.added.contains(segment);
        (added || self.excluded.contains(segment)).then_some(added)
    }

    /// Decides about a segment, or leaves it to the criteria.
    pub fn decide(&mut self, segment: u32, member: Option<bool>) {
        self.added.set(segment, member == Some(true));
        self.excluded.set(segment, member == Some(false));
    }

    /// Takes over what was decided about another where nothing was about this one.
    pub fn adopt(&mut self, other: &Manual) {
        for segment in other.iter() {
            if self.decides(segment).is_none() {
                self.decide(segment, other.decides(segment));
            }
        }
    }

    /// Forgets segments that do not exist any more.
    pub fn retain(&mut self, exists: impl Fn(u32) -> bool) {
        for set in [&mut self.added, &mut self.excluded] {
            let gone: Vec<u32> = set.iter().filter(|id| !exists(*id)).collect();
            gone.into_iter().for_each(|id| set.set(id, false));
        }
    }

    /// What the criteria say with what was decided, about segments that exist.
    pub fn apply(&self, members: &mut Members, exists: impl Fn(u32) -> bool) {
        self.added.iter().filter(|id| exists(*id)).for_each(|id| members.put(id, true));
        self.excluded.iter().for_each(|id| members.put(id, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_by_hand_is_kept() {
        let mut manual = Manual::default();
        manual.decide(3, Some(true));
        manual.decide(90, Some(false));
        assert_eq!(
            (manual.decides(3), manual.decides(90), manual.decides(4)),
            (Some(true), Some(false), None)
        );
        assert_eq!(Manual::from_bytes(&manual.to_bytes()), Some(manual.clone()));
        assert_eq!(Manual::from_bytes(&[0, 0, 0, 9, 1]), None);
        let mut other = Manual::default();
        other.decide(3, Some(false));
        other.adopt(&manual);
        assert_eq!((other.decides(3), other.decides(90)), (Some(false), Some(false)));
        manual.retain(|id| id == 90);
        manual.decide(90, None);
        assert!(manual.is_empty());
    }
}
