//! What a subscriber did, as it lies in a row, and the bases of large states that this backend has read.
//!
//! A base is known by its place out of line and by the hash of its bytes, which lies in the row: another one is never taken
//! for it, whoever has written it, rolled back or restored.

use super::table::Value;
use crate::activity::{Base, State, Stored, Streams};
use crate::error::Result;
use crate::membership::Program;
use pgrx::IntoDatum;
use pgrx::prelude::*;
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

/// The tallies that the bases kept by a backend may hold together, 64 bytes each; one base is kept whatever its size.
const MOST_KEPT: usize = 1 << 18;

/// The stored bytes of a state.
#[derive(Clone, Debug)]
pub enum Activity {
    Whole(Vec<u8>),
    Parts { base: Varlena, recent: Vec<u8> },
}

/// A value of a column as it lies in its row: bytes with their length, or their place out of line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Varlena(Vec<u8>);

impl Default for Activity {
    fn default() -> Self {
        Activity::Whole(Vec::new())
    }
}

impl Activity {
    /// From the columns `activity` and `recent`.
    pub fn read(activity: Value, recent: Value) -> Self {
        let Some(activity) = activity else { return Activity::default() };
        // SAFETY: the columns are of type bytea.
        unsafe {
            match recent.and_then(|recent| <&[u8]>::from_datum(recent, false)) {
                None => Activity::Whole(<&[u8]>::from_datum(activity, false).unwrap_or_default().to_vec()),
                Some(recent) => Activity::Parts { base: Varlena::copy(activity), recent: recent.to_vec() },
            }
        }
    }

    /// What some streams read of the state, in one part.
    pub fn state(&self, streams: &Streams) -> Result<State> {
        let bytes = match self {
            Activity::Whole(bytes) => Cow::Borrowed(bytes),
            Activity::Parts { base, recent } => Cow::Owned([base.bytes(), recent.clone()].concat()),
        };
        State::from_bytes(&bytes, streams)
    }

    /// The state of a subscriber for a change: over its base, if it has one.
    pub fn open(&self, subscriber: &str, program: &Rc<Program>) -> Result<State> {
        let streams = program.streams();
        let Activity::Parts { base, recent } = self else { return self.state(streams) };
        match kept(subscriber, base, recent, program)? {
            Some(base) => State::over(base, recent, streams),
            None => self.state(streams),
        }
    }

    /// The state before what lies beside its base, or that of nobody.
    pub fn before(&self, streams: &Streams) -> Result<State> {
        match self {
            Activity::Whole(_) => Ok(State::default()),
            Activity::Parts { base, .. } => State::from_bytes(&base.bytes(), streams),
        }
    }

    /// What to store where it stays as it is.
    pub fn kept(&self) -> Stored {
        let recent = match self {
            Activity::Whole(_) => None,
            Activity::Parts { recent, .. } => Some(recent.clone()),
        };
        Stored { base: None, recent }
    }

    /// The base as it lies in the row.
    pub fn base(&self) -> Value {
        match self {
            Activity::Whole(bytes) => bytes.as_slice().into_datum(),
            Activity::Parts { base, .. } => Some(pg_sys::Datum::from(base.0.as_ptr())),
        }
    }
}

impl Varlena {
    /// # Safety
    /// The value is of a type of variable length.
    unsafe fn copy(value: pg_sys::Datum) -> Self {
        let start = value.cast_mut_ptr::<pg_sys::varlena>();
        // SAFETY: such a value says how long it is.
        Varlena(unsafe { std::slice::from_raw_parts(start.cast(), pgrx::varsize_any(start)) }.to_vec())
    }

    /// The bytes that it stands for.
    fn bytes(&self) -> Vec<u8> {
        // SAFETY: what is copied out of line is given back once it is copied again.
        unsafe {
            let copy = pg_sys::pg_detoast_datum_copy(self.0.as_ptr().cast_mut().cast());
            let bytes = pgrx::varlena_to_byte_slice(copy).to_vec();
            pg_sys::pfree(copy.cast());
            bytes
        }
    }
}

/// A base that was read, and of what.
struct Kept {
    subscriber: String,
    program: Weak<Program>,
    place: Varlena,
    stamp: Vec<u8>,
    base: Rc<Base>,
}

thread_local! {
    /// The last used first.
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// The base of a subscriber, read only where it was not before; `None` where it must be read with what came since.
fn kept(subscriber: &str, place: &Varlena, recent: &[u8], program: &Rc<Program>) -> Result<Option<Rc<Base>>> {
    let (streams, program) = (program.streams(), Rc::downgrade(program));
    let found = KEPT.with_borrow_mut(|kept| {
        let found = kept.iter().position(|kept| kept.subscriber == subscriber)?;
        let found = kept.remove(found);
        let same = Weak::ptr_eq(&found.program, &program)
            && found.place == *place
            && recent.starts_with(&found.stamp);
        same.then(|| {
            let base = Rc::clone(&found.base);
            kept.insert(0, found);
            base
        })
    });
    if found.is_some() {
        return Ok(found);
    }
    let Some(base) = Base::read(&place.bytes(), recent, streams)? else { return Ok(None) };
    let base = Rc::new(base);
    let read = Kept {
        subscriber: subscriber.to_owned(),
        program,
        place: place.clone(),
        stamp: base.stamp().to_vec(),
        base: Rc::clone(&base),
    };
    KEPT.with_borrow_mut(|kept| {
        kept.insert(0, read);
        let mut size = 0;
        let mut fits = |kept: &Kept| {
            size += kept.base.size();
            size <= MOST_KEPT
        };
        let most = kept.iter().take_while(|kept| fits(kept)).count();
        kept.truncate(most.max(1));
    });
    Ok(Some(base))
}
