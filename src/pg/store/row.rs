//! A stored state, column by column.

use crate::activity::{Instant, State};
use crate::error::Result;
use crate::membership::{Manual, Members, Standing, Subject};
use crate::pg::activity::Activity;
use crate::pg::rules::Rules;
use crate::pg::spi::Rows;
use crate::pg::table::Value;
use crate::profile::Profile;
use pgrx::prelude::*;

/// A stored state, as it lies in the table.
#[derive(Clone, Debug, Default)]
pub struct StateRow {
    pub evaluated_at: Instant,
    /// The due time that `segment.due` has a row for.
    pub due_at: Option<Instant>,
    /// The version of the definitions that it was last evaluated under.
    pub version: i64,
    /// How many rows of history there have been.
    pub(super) moves: i32,
    pub standing: Standing,
    /// The memberships that there are rows for, where they are not those where the subscriber stands.
    pub written: Option<Members>,
    pub manual: Option<Manual>,
    pub profile: Option<Profile>,
    pub activity: Activity,
}

impl StateRow {
    /// When work that begins `now` evaluates the subscriber: the evaluation time never goes backwards.
    pub fn evaluation_time(&self, now: Instant) -> Instant {
        self.evaluated_at.max(now)
    }

    /// Whether the last evaluation was under these definitions and their streams.
    pub fn is_current(&self, rules: &Rules) -> bool {
        self.version >= rules.evaluated_version.max(rules.filled_version)
    }

    /// The state for a change.
    pub fn open(&self, subscriber: &str, rules: &Rules) -> Result<State> {
        if self.standing.memory.unsettled {
            // What lies beside it is joined with it now.
            return self.activity.state(rules.program.streams());
        }
        self.activity.open(subscriber, &rules.program)
    }

    /// Whether the rows of memberships say where the subscriber stands, and somebody has looked where that is.
    pub fn is_settled(&self) -> bool {
        self.written.is_none() && !self.standing.memory.unsettled
    }

    /// Takes what the rows of memberships themselves say, whatever is stored about them.
    pub fn trust_memberships(&mut self, rows: Members) {
        if *self.written.as_ref().unwrap_or(&self.standing.members) != rows {
            self.written = Some(rows);
        }
    }

    /// The subscriber whose row it is.
    pub fn subject<'a>(&'a self, id: &'a str) -> Subject<'a> {
        let (manual, profile) = (self.manual.as_ref(), self.profile.as_ref());
        Subject { id, manual, profile, past: Some(&self.standing) }
    }

    /// From columns in the order of the table.
    pub fn read(values: &[Value]) -> Self {
        let bytes = |value: Option<&Value>| {
            let datum = value.copied().flatten()?;
            // SAFETY: the column is a bytea, or a jsonb, whose bytes after the header are asked for.
            unsafe { <&[u8]>::from_datum(datum, false) }
        };
        let number = |value: Option<&Value>| value.copied().flatten().map(|datum| datum.value() as i64);
        StateRow {
            evaluated_at: number(values.first()).unwrap_or(Instant::MIN),
            due_at: number(values.get(1)),
            version: number(values.get(2)).unwrap_or(0),
            moves: number(values.get(3)).unwrap_or(0) as i32,
            standing: Standing::from_bytes(
                bytes(values.get(5)).unwrap_or_default(),
                bytes(values.get(10)).unwrap_or_default(),
            ),
            written: bytes(values.get(6)).map(Members::from_bytes),
            manual: bytes(values.get(7)).and_then(Manual::from_bytes),
            profile: bytes(values.get(8))
                .and_then(|document| Profile::stored(document, bytes(values.get(9)).unwrap_or_default())),
            activity: Activity::read(values.get(11).copied().flatten(), values.get(12).copied().flatten()),
        }
    }

    /// From a result row with the columns of [`STATE_COLUMNS`] from a column on, counted from 1.
    pub fn from_row(rows: &Rows, row: usize, first: i32) -> Self {
        let values: Vec<Value> = (first..first + COLUMNS as i32)
            .map(|column| rows.datum(row, column).and_then(|(datum, is_null)| (!is_null).then_some(datum)))
            .collect();
        Self::read(&values)
    }
}

/// The columns of a state row for [`StateRow::from_row`].
pub const STATE_COLUMNS: &str =
    "s.evaluated_at, s.due_at, s.version, s.moves, s.subscriber, s.members, s.written, s.manual,
    s.profile, s.held, s.memory, s.activity, s.recent";

/// How many columns a state row has.
pub const COLUMNS: usize = 13;
