//! The set of segments that a subscriber is in.

/// A bitmap by segment id, stored without trailing zero bytes, so that equal sets are equal bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(Vec<u8>);

impl Members {
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut members = Members(bytes.to_vec());
        members.trim();
        members
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn contains(&self, segment: u32) -> bool {
        self.0.get(segment as usize / 8).is_some_and(|byte| byte & (1 << (segment % 8)) != 0)
    }

    pub fn set(&mut self, segment: u32, member: bool) {
        self.put(segment, member);
        self.trim();
    }

    /// [`Members::set`] for one of several, after which the caller trims.
    pub(super) fn put(&mut self, segment: u32, member: bool) {
        let index = segment as usize / 8;
        if member && index >= self.0.len() {
            self.0.resize(index + 1, 0);
        }
        if let Some(byte) = self.0.get_mut(index) {
            let bit = 1 << (segment % 8);
            if member { *byte |= bit } else { *byte &= !bit }
        }
    }

    pub(super) fn trim(&mut self) {
        let used = self.0.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        self.0.truncate(used);
    }

    /// The ids of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        ids(self.0.iter().copied())
    }

    /// The ids of those that are in one set and not in the other, ascending.
    pub fn differences<'m>(&'m self, other: &'m Members) -> impl Iterator<Item = u32> + 'm {
        let length = self.0.len().max(other.0.len());
        let byte = |members: &Members, index: usize| members.0.get(index).copied().unwrap_or(0);
        ids((0..length).map(move |index| byte(self, index) ^ byte(other, index)))
    }
}

fn ids(bytes: impl Iterator<Item = u8>) -> impl Iterator<Item = u32> {
    let bytes = bytes.enumerate().filter(|(_, byte)| *byte != 0);
    bytes.flat_map(|(index, byte)| {
        (0..8).filter(move |bit| byte & (1 << bit) != 0).map(move |bit| index as u32 * 8 + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_ids() {
        let mut members = Members::default();
        members.set(3, true);
        members.set(100, true);
        assert!(members.contains(3) && members.contains(100) && !members.contains(4));
        assert_eq!(members.iter().collect::<Vec<_>>(), [3, 100]);
        let mut fewer = members.clone();
        fewer.set(100, false);
        fewer.set(5000, false);
        fewer.set(4, true);
        assert_eq!(fewer.as_bytes().len(), 1);
        assert_eq!(members.differences(&fewer).collect::<Vec<_>>(), [4, 100]);
        fewer.set(4, false);
        assert_eq!(Members::from_bytes(&[8, 0, 0]), fewer);
    }
}
