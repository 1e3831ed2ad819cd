//! The rows that a call returns, put straight to where the executor reads them: they take no more memory than `work_mem`,
//! and go to disk beyond.

use pgrx::prelude::*;

/// The result of one call.
pub struct Rows {
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl Rows {
    /// Of a call that goes on.
    ///
    /// # Safety
    /// The function is declared to return a set of rows, and the values put are of the types of its columns.
    pub unsafe fn of(call: pg_sys::FunctionCallInfo) -> Self {
        // SAFETY: the caller's promise; the result info lives as long as the call.
        unsafe {
            pg_sys::InitMaterializedSRF(call, 0);
            let result = &*(*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            let width = (*result.setDesc).natts as usize;
            Rows {
                store: result.setResult,
                descriptor: result.setDesc,
                values: vec![pg_sys::Datum::from(0); width],
                nulls: vec![true; width],
            }
        }
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<String> {
        // SAFETY: the descriptor lives as long as the call.
        let attributes = unsafe { (*self.descriptor).attrs.as_slice(self.values.len()) };
        let name =
            |attribute: &pg_sys::FormData_pg_attribute| pgrx::name_data_to_str(&attribute.attname).to_owned();
        attributes.iter().map(name).collect()
    }

    /// Adds a row, which is copied.
    pub fn put(&mut self, row: impl IntoIterator<Item = Option<pg_sys::Datum>>) {
        let places = self.values.iter_mut().zip(&mut self.nulls);
        for ((place, null), value) in places.zip(row) {
            (*place, *null) = (value.unwrap_or(pg_sys::Datum::from(0)), value.is_none());
        }
        // SAFETY: as many values as the result has columns.
        unsafe {
            pg_sys::tuplestore_putvalues(
                self.store,
                self.descriptor,
                self.values.as_mut_ptr(),
                self.nulls.as_mut_ptr(),
            )
        };
    }
}
