//! The stored form of a [`State`]: a version byte, then variable-length integers, deltas where values grow.

use super::state::{Pane, Pending, Record, State, Tally};
use crate::error::{Error, Result};

const VERSION: u8 = 1;

impl State {
    /// Equal states give equal bytes. Nobody without events needs any.
    pub fn to_bytes(&self) -> Vec<u8> {
        if *self == State::default() {
            return Vec::new();
        }
        let mut writer = Writer(vec![VERSION]);
        writer.signed(self.events.into());
        writer.unsigned(self.records.len() as u128);
        for record in &self.records {
            writer.unsigned(record.stream.into());
            writer.tally(record.total);
            writer.signed(record.first.into());
            writer.unsigned(i128::from(record.last).wrapping_sub(record.first.into()) as u128);
            for panes in &record.panes {
                writer.unsigned(panes.len() as u128);
                let mut previous = 0;
                for pane in panes {
                    writer.signed((pane.index - previous).into());
                    writer.tally(pane.tally);
                    previous = pane.index;
                }
            }
        }
        writer.unsigned(self.pending.len() as u128);
        for pending in &self.pending {
            writer.signed(pending.at.into());
            writer.unsigned(pending.stream.into());
            writer.tally(pending.tally);
        }
        writer.0
    }

    /// The state that was written, or an error for bytes that no version wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let Some((version, rest)) = bytes.split_first() else { return Ok(State::default()) };
        let mut reader = Reader(rest);
        if *version != VERSION {
            return Err(Error::Corrupt("activity"));
        }
        let mut state = State { events: reader.integer()?, ..State::default() };
        for _ in 0..reader.length()? {
            let stream = reader.stream()?;
            let total = reader.tally()?;
            let first: i64 = reader.integer()?;
            let extent = i64::try_from(reader.unsigned()?).map_err(|_| Error::Corrupt("activity"))?;
            let last = first.checked_add(extent).ok_or(Error::Corrupt("activity"))?;
            let mut panes: [Vec<Pane>; 3] = Default::default();
            for list in &mut panes {
                let mut index = 0_i64;
                for _ in 0..reader.length()? {
                    index = index.checked_add(reader.integer()?).ok_or(Error::Corrupt("activity"))?;
                    list.push(Pane { index, tally: reader.tally()? });
                }
            }
            state.records.push(Record { stream, total, first, last, panes });
        }
        for _ in 0..reader.length()? {
            let at = reader.integer()?;
            state.pending.push(Pending { at, stream: reader.stream()?, tally: reader.tally()? });
        }
        if reader.0.is_empty() { Ok(state) } else { Err(Error::Corrupt("activity")) }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn unsigned(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn signed(&mut self, value: i128) {
        self.unsigned(((value << 1) ^ (value >> 127)) as u128);
    }

    fn tally(&mut self, tally: Tally) {
        self.signed(tally.count.into());
        self.signed(tally.sum);
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn unsigned(&mut self) -> Result<u128> {
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Error::Corrupt("activity"))?;
            self.0 = rest;
            value |= u128::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::Corrupt("activity"))
    }

    fn signed(&mut self) -> Result<i128> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i128 ^ -((value & 1) as i128))
    }

    fn integer(&mut self) -> Result<i64> {
        i64::try_from(self.signed()?).map_err(|_| Error::Corrupt("activity"))
    }

    /// A number of items, each of which takes at least a byte.
    fn length(&mut self) -> Result<usize> {
        let length = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        if length <= self.0.len() { Ok(length) } else { Err(Error::Corrupt("activity")) }
    }

    fn stream(&mut self) -> Result<u32> {
        u32::try_from(self.unsigned()?).map_err(|_| Error::Corrupt("activity"))
    }

    fn tally(&mut self) -> Result<Tally> {
        Ok(Tally { count: self.integer()?, sum: self.signed()? })
    }
}
