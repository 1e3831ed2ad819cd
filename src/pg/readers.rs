//! The tables of the sources, resolved: which columns are read of each, once per backend and version of the definitions.

use super::profile::{ProfileReader, ProfileSource, ResolvedProfiles};
use super::registry::Registry;
use super::relation::Relation;
use super::report::Refusal;
use super::source::{Reader, Source};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A source's mapping resolved against its table, or why it cannot be.
pub type Resolved = Rc<std::result::Result<Reader, Refusal>>;

/// What was made of tables, by version, source and table.
type Readers<R> = HashMap<(i64, i32, pg_sys::Oid), Rc<std::result::Result<R, Refusal>>>;

thread_local! {
    static READERS: RefCell<Readers<Reader>> = RefCell::default();
    static PROFILE_READERS: RefCell<Readers<ProfileReader>> = RefCell::default();
    /// Tables that changed since readers were last asked for: one of them may be a source.
    static STALE: RefCell<Vec<pg_sys::Oid>> = const { RefCell::new(Vec::new()) };
}

impl Registry {
    /// The source's mapping, resolved against one of its tables as it is now. The table must be locked, so that it
    /// stays as it is while the reader is used.
    pub fn reader(&self, source: &Source, table: pg_sys::Oid) -> Resolved {
        drop_stale_readers();
        let key = (self.version, source.id, table);
        READERS.with_borrow_mut(|readers| {
            resolve(readers, key, |relation| {
                Ok(Reader::new(relation, &source.mapping)?.with_identities(&self.identities))
            })
        })
    }

    /// The same of a source of profiles.
    pub fn profile_reader(&self, source: &ProfileSource) -> ResolvedProfiles {
        drop_stale_readers();
        let key = (self.version, source.id, source.relation);
        let make = |relation| ProfileReader::new(relation, &source.mapping);
        PROFILE_READERS.with_borrow_mut(|readers| resolve(readers, key, make))
    }

    /// [`Registry::profile_reader`], with the table locked first; an error also where its owner may not read it.
    pub fn locked_profiles(&self, source: &ProfileSource) -> ResolvedProfiles {
        // SAFETY: takes a heavyweight lock, to be released with the transaction, and processes invalidations.
        unsafe { pg_sys::LockRelationOid(source.relation, pg_sys::AccessShareLock as _) };
        let resolved = self.profile_reader(source);
        match resolved.as_ref().as_ref().map(|reader| reader.relation.check_readable()) {
            Ok(Err(refusal)) => Rc::new(Err(refusal)),
            _ => resolved,
        }
    }

    /// Why the profiles of some source cannot be read, if they cannot.
    pub fn unreadable_profiles(&self) -> Option<Refusal> {
        self.profiles.iter().find_map(|source| self.locked_profiles(source).as_ref().as_ref().err().cloned())
    }

    /// [`Registry::reader`], with the table locked first.
    pub fn locked_reader(&self, source: &Source) -> Resolved {
        // SAFETY: takes a heavyweight lock, to be released with the transaction, and processes invalidations.
        unsafe { pg_sys::LockRelationOid(source.relation, pg_sys::AccessShareLock as _) };
        self.reader(source, source.relation)
    }

    /// Why some source cannot be read again in full, if one cannot.
    pub fn unreadable(&self) -> Option<Refusal> {
        self.sources.iter().find_map(|source| match self.locked_reader(source).as_ref() {
            Ok(reader) => reader.relation.check_readable().err(),
            Err(refusal) => Some(refusal.clone()),
        })
    }
}

fn drop_stale_readers() {
    let stale = STALE.take();
    if !stale.is_empty() {
        let all = stale.contains(&pg_sys::Oid::INVALID);
        let fresh = |relation: &pg_sys::Oid| !all && !stale.contains(relation);
        READERS.with_borrow_mut(|readers| readers.retain(|(.., relation), _| fresh(relation)));
        PROFILE_READERS.with_borrow_mut(|readers| readers.retain(|(.., relation), _| fresh(relation)));
    }
}

/// What was made of a table before, or is made of it now.
fn resolve<R>(
    readers: &mut Readers<R>,
    key: (i64, i32, pg_sys::Oid),
    make: impl FnOnce(Relation) -> std::result::Result<R, Refusal>,
) -> Rc<std::result::Result<R, Refusal>> {
    if let Some(reader) = readers.get(&key) {
        return Rc::clone(reader);
    }
    let reader = Rc::new(match Relation::look_up(key.2) {
        Some(relation) => make(relation),
        None => Err(Refusal::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!("attached relation with OID {} does not exist any more", key.2.to_u32()),
        )
        .hint(format!("Call segment.detach_source({}).", key.2.to_u32()))),
    });
    // Those of versions that are not kept any more.
    if readers.len() > 1_000 {
        readers.clear();
    }
    readers.insert(key, Rc::clone(&reader));
    reader
}

/// Has what was made of a table made anew, or of all of them where none is given.
pub(super) fn forget(relation: pg_sys::Oid) {
    STALE.with_borrow_mut(|stale| {
        if relation == pg_sys::Oid::INVALID || stale.len() >= 1_000 {
            *stale = vec![pg_sys::Oid::INVALID];
        } else {
            stale.push(relation);
        }
    });
}
