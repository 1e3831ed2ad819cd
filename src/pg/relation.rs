//! What the catalogue says about a user's table.

use super::owner::current_user;
use super::report::Refusal;
use super::spi::{Session, connect};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// A table of the user's.
#[derive(Clone, Debug)]
pub struct Relation {
    pub oid: pg_sys::Oid,
    pub schema: String,
    pub name: String,
    pub owner: pg_sys::Oid,
    kind: String,
    persistence: String,
    /// A partition, or with inheritance children or parents.
    in_tree: bool,
    forces_row_security: bool,
    owned_by_caller: bool,
}

impl Relation {
    /// `None` where the relation does not exist any more.
    pub fn look_up(session: &Session, oid: pg_sys::Oid) -> Option<Self> {
        // Not under the statement's snapshot: the table may be one that the statement itself has made.
        let rows = session.modify(
            "SELECT n.nspname::text, c.relname::text, c.relowner, c.relkind::text, c.relpersistence::text,
                    c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits i
                                                WHERE c.oid IN (i.inhparent, i.inhrelid)),
                    c.relforcerowsecurity, pg_catalog.pg_has_role($2, c.relowner, 'USAGE')
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.oid = $1",
            &[oid.into(), current_user().into()],
        );
        Some(Relation {
            oid,
            schema: rows.get(0, 1)?,
            name: rows.get(0, 2)?,
            owner: rows.get(0, 3)?,
            kind: rows.get(0, 4)?,
            persistence: rows.get(0, 5)?,
            in_tree: rows.get(0, 6)?,
            forces_row_security: rows.get(0, 7)?,
            owned_by_caller: rows.get(0, 8)?,
        })
    }

    /// The relation by the oid that a `regclass` argument holds, or 42P01.
    pub fn require(oid: pg_sys::Oid) -> Self {
        connect(|session| Self::look_up(session, oid)).unwrap_or_else(|| {
            Refusal::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
                format!("relation with OID {} does not exist", oid.to_u32()),
            )
            .hint("Name an existing table.")
            .raise()
        })
    }

    /// The quoted name, schema included.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }

    /// Raises 42501 for a caller who does not own the table.
    pub fn check_owner(&self) {
        self.owned().unwrap_or_else(|refusal| refusal.raise());
    }

    fn owned(&self) -> Result<(), Refusal> {
        if self.owned_by_caller {
            return Ok(());
        }
        let problem = format!("must be owner of table {}.{}", self.schema, self.name);
        Err(Refusal::new(PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE, problem)
            .hint("Ask the table's owner to do it, or to make you a member of the owning role."))
    }

    /// Refuses what cannot be a source of events, with the reason.
    pub fn check_source(&self) -> Result<(), Refusal> {
        let name = format!("{}.{}", self.schema, self.name);
        let refuse =
            |code, problem: &str, hint: &str| Err(Refusal::new(code, problem.replace('@', &name)).hint(hint));
        let wrong_type = PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE;
        let unsupported = PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED;
        match self.kind.as_str() {
            "r" => {}
            "p" => {
                return refuse(
                    unsupported,
                    "\"@\" is partitioned",
                    "Partitioned tables cannot be attached in this version.",
                );
            }
            "v" | "m" => {
                return refuse(
                    wrong_type,
                    "\"@\" is a view",
                    "Attach the table that the view reads: only a table sees its rows change.",
                );
            }
            "f" => {
                return refuse(
                    wrong_type,
                    "\"@\" is a foreign table",
                    "Attach the table where it is stored: its changes are not seen from here.",
                );
            }
            _ => return refuse(wrong_type, "\"@\" is not a table", "Attach an ordinary table."),
        }
        if self.schema == "pg_catalog"
            || self.schema == "information_schema"
            || (self.schema == "segment" && self.name != "event")
        {
            return refuse(wrong_type, "\"@\" belongs to the system", "Attach a table of your own.");
        }
        self.owned()?;
        match self.persistence.as_str() {
            "t" => return refuse(unsupported, "\"@\" is a temporary table", "Attach a permanent table."),
            "u" => {
                return refuse(
                    unsupported,
                    "\"@\" is an unlogged table",
                    "A crash would empty it without a trace. ALTER TABLE ... SET LOGGED first.",
                );
            }
            _ => {}
        }
        if self.in_tree {
            return refuse(
                unsupported,
                "\"@\" is part of an inheritance tree",
                "Partitions and inherited tables cannot be attached in this version.",
            );
        }
        if self.forces_row_security {
            return refuse(
                unsupported,
                "\"@\" forces row security on its owner",
                "Policies would hide rows from the engine. ALTER TABLE ... NO FORCE ROW LEVEL SECURITY first.",
            );
        }
        Ok(())
    }
}
