//! The one place that raises: from plain data to SQLSTATE, message, DETAIL and HINT.

use crate::error::{Code, Error};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Raises a mistake of the user, as the domain or this layer states it.
pub fn raise(error: Error) -> ! {
    let code = match error.code() {
        Code::InvalidParameterValue => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        Code::UndefinedObject => PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
        Code::OutOfMemory => PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY,
        Code::ProgramLimitExceeded => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
        Code::DataCorrupted => PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
    };
    Refusal::new(code, error.to_string()).details(error.detail()).hints(error.hint()).raise()
}

/// The value, or the error raised.
pub fn value_of<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| raise(error))
}

/// An argument that may not be NULL, or 22004.
pub fn required<T>(argument: Option<T>, name: &str) -> T {
    argument.unwrap_or_else(|| {
        Refusal::new(PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED, format!("{name} must not be null"))
            .hint(format!("Pass {name} => ..."))
            .raise()
    })
}

/// Raises 22023 for an argument that cannot be meant.
pub fn invalid(problem: impl Into<String>, hint: impl Into<String>) -> ! {
    Refusal::new(PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE, problem).hint(hint).raise()
}

/// A mistake that only the server layer can see: a relation, a column, a privilege.
#[derive(Clone, Debug)]
pub struct Refusal {
    code: PgSqlErrorCode,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Refusal {
    pub fn new(code: PgSqlErrorCode, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), detail: None, hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.hints(Some(hint.into()))
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    fn details(mut self, detail: Option<String>) -> Self {
        self.detail = detail;
        self
    }

    fn hints(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    pub fn raise(self) -> ! {
        self.report(PgLogLevel::ERROR);
        unreachable!("an ERROR does not return")
    }

    /// Warns instead.
    pub fn warn(self) {
        self.report(PgLogLevel::WARNING);
    }

    fn report(self, level: PgLogLevel) {
        let mut report = ErrorReport::new(self.code, self.message, function_name!());
        if let Some(detail) = self.detail {
            report = report.set_detail(detail);
        }
        if let Some(hint) = self.hint {
            report = report.set_hint(hint);
        }
        report.report(level);
    }
}
