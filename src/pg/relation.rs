//! What the catalogue says about a user's table.

use super::owner::current_user;
use super::report::Refusal;
use super::spi::connect_at_latest;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use std::ffi::CStr;

/// A relation of the user's, as it is while this transaction lasts: looking it up locks it against change.
#[derive(Clone, Debug)]
pub struct Relation {
    pub oid: pg_sys::Oid,
    pub schema: String,
    pub name: String,
    pub owner: pg_sys::Oid,
    kind: u8,
    persistence: u8,
    pub is_partition: bool,
    /// A partition, or one that inherits.
    pub is_child: bool,
    forces_row_security: bool,
    namespace: pg_sys::Oid,
}

impl Relation {
    /// `None` where the relation does not exist any more. From the catalogue caches, and so as things are now,
    /// whatever the snapshot and the search path.
    pub fn look_up(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the relation is open while its fields are read; closing it keeps the lock.
        let found = unsafe {
            let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            if relation.is_null() {
                return None;
            }
            let class = &*(*relation).rd_rel;
            let schema = pg_sys::get_namespace_name(class.relnamespace);
            let found = Relation {
                oid,
                schema: if schema.is_null() { String::new() } else { text(CStr::from_ptr(schema)) },
                name: text(CStr::from_ptr(class.relname.data.as_ptr())),
                owner: class.relowner,
                kind: class.relkind as u8,
                persistence: class.relpersistence as u8,
                is_partition: class.relispartition,
                is_child: class.relispartition || has_parents(oid),
                forces_row_security: class.relforcerowsecurity,
                namespace: class.relnamespace,
            };
            pg_sys::relation_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
            found
        };
        Some(found)
    }

    /// The relation by the oid that a `regclass` argument holds, or 42P01.
    pub fn require(oid: pg_sys::Oid) -> Self {
        Self::look_up(oid).unwrap_or_else(|| {
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

    pub fn is_partitioned(&self) -> bool {
        self.kind == b'p'
    }

    /// Raises 42501 for a caller who does not own the table.
    pub fn check_owner(&self) {
        self.owned().unwrap_or_else(|refusal| refusal.raise());
    }

    fn owned(&self) -> Result<(), Refusal> {
        if owns(self.oid, current_user()) {
            return Ok(());
        }
        let problem = format!("must be owner of table {}.{}", self.schema, self.name);
        Err(Refusal::new(PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE, problem)
            .hint("Ask the table's owner to do it, or to make you a member of the owning role."))
    }

    /// Refuses a table whose rows the engine could not read again: all of them, as the table's owner.
    pub fn check_readable(&self) -> Result<(), Refusal> {
        let name = format!("{}.{}", self.schema, self.name);
        if self.forces_row_security {
            return Err(Refusal::new(
                PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
                format!("\"{name}\" forces row security on its owner"),
            )
            .hint("Policies would hide rows from the engine. ALTER TABLE ... NO FORCE ROW LEVEL SECURITY first."));
        }
        // Rights can be taken away from an owner too, and given back, without a trace in the relation itself.
        if !may_select(self.oid, self.namespace, self.owner) {
            return Err(Refusal::new(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("\"{name}\" cannot be read by its own owner"),
            )
            .hint("The engine reads the table as its owner: grant the owner SELECT on it and USAGE on its schema."));
        }
        Ok(())
    }

    /// Refuses what the caller cannot attach, with the reason.
    pub fn check_attachable(&self) -> Result<(), Refusal> {
        self.check_source()?;
        self.check_whole()?;
        self.owned()?;
        self.check_readable()
    }

    /// Refuses what cannot be a source of events, whoever asks.
    pub fn check_source(&self) -> Result<(), Refusal> {
        let name = format!("{}.{}", self.schema, self.name);
        let refuse = |code, problem: &str, hint: &str| {
            Err(Refusal::new(code, format!("\"{name}\" {problem}")).hint(hint))
        };
        let wrong_type = PgSqlErrorCode::ERRCODE_WRONG_OBJECT_TYPE;
        let unsupported = PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED;
        match self.kind {
            b'r' | b'p' => {}
            b'v' | b'm' => {
                return refuse(
                    wrong_type,
                    "is a view",
                    "Attach the table that the view reads: only a table sees its rows change.",
                );
            }
            b'f' => {
                return refuse(
                    wrong_type,
                    "is a foreign table",
                    "Attach the table where it is stored: its changes are not seen from here.",
                );
            }
            _ => return refuse(wrong_type, "is not a table", "Attach an ordinary table."),
        }
        let of_system = matches!(self.schema.as_str(), "pg_catalog" | "information_schema")
            || (self.schema == "segment" && !["event", "profile_input"].contains(&self.name.as_str()));
        if of_system {
            return refuse(wrong_type, "belongs to the system", "Attach a table of your own.");
        }
        match self.persistence {
            b't' => return refuse(unsupported, "is a temporary table", "Attach a permanent table."),
            b'u' => {
                return refuse(
                    unsupported,
                    "is an unlogged table",
                    "A crash would empty it without a trace. ALTER TABLE ... SET LOGGED first.",
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a part of another table: what is written through that one would not be seen here.
    fn check_whole(&self) -> Result<(), Refusal> {
        if !self.is_child {
            return Ok(());
        }
        let problem =
            format!("\"{}.{}\" is a partition or inherits from another table", self.schema, self.name);
        Err(Refusal::new(PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED, problem)
            .hint("Attach the table at the root: its parts are captured with it."))
    }
}

/// Whether a statement of this session has a relation open, or a cursor.
pub fn is_in_use(oid: pg_sys::Oid) -> bool {
    // SAFETY: the relation is closed again; one that is gone is nobody's.
    unsafe {
        let relation = pg_sys::RelationIdGetRelation(oid);
        if relation.is_null() {
            return false;
        }
        let is_in_use = (*relation).rd_refcnt > 1;
        pg_sys::RelationClose(relation);
        is_in_use
    }
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

fn has_parents(oid: pg_sys::Oid) -> bool {
    connect_at_latest(|session| {
        session.select("SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = $1", &[oid.into()]).count() > 0
    })
}

fn owns(relation: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    // SAFETY: catalogue look-ups.
    unsafe {
        #[cfg(feature = "pg15")]
        return pg_sys::pg_class_ownercheck(relation, role);
        #[cfg(not(feature = "pg15"))]
        return pg_sys::object_ownercheck(pg_sys::RelationRelationId, relation, role);
    }
}

fn may_select(relation: pg_sys::Oid, schema: pg_sys::Oid, role: pg_sys::Oid) -> bool {
    let (select, usage) = (pg_sys::ACL_SELECT as pg_sys::AclMode, pg_sys::ACL_USAGE as pg_sys::AclMode);
    // SAFETY: catalogue look-ups.
    unsafe {
        #[cfg(feature = "pg15")]
        let in_schema = pg_sys::pg_namespace_aclcheck(schema, role, usage);
        #[cfg(not(feature = "pg15"))]
        let in_schema = pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, schema, role, usage);
        in_schema == pg_sys::AclResult::ACLCHECK_OK
            && pg_sys::pg_class_aclcheck(relation, role, select) == pg_sys::AclResult::ACLCHECK_OK
    }
}
