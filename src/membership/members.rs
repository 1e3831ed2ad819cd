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
        let index = segment as usize / 8;
        if member && index >= self.0.len() {
            self.0.resize(index + 1, 0);
        }
        if let Some(byte) = self.0.get_mut(index) {
            let bit = 1 << (segment % 8);
            if member { *byte |= bit } else { *byte &= !bit }
        }
        self.trim();
    }

    /// The ids of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let bytes = self.0.iter().enumerate();
        bytes.flat_map(|(index, byte)| {
            (0..8).filter(move |bit| byte & (1 << bit) != 0).map(move |bit| index as u32 * 8 + bit)
        })
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
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
        members.set(100, false);
        members.set(5000, false);
        assert_eq!(members.as_bytes().len(), 1);
        assert_eq!(Members::from_bytes(&[8, 0, 0]), members);
    }
}
