//! What a user of the extension can do wrong, as plain data.
//!
//! The domain returns these; `pg::report` is the one place that turns them into an SQLSTATE, a message,
//! a DETAIL and a HINT.

use thiserror::Error;

/// The SQLSTATE class of an [`Error`], named as PostgreSQL names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 22023
    InvalidParameterValue,
    /// 42704
    UndefinedObject,
    /// 53200
    OutOfMemory,
    /// 54000
    ProgramLimitExceeded,
    /// XX001
    DataCorrupted,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A criteria document that does not follow the language.
    #[error("invalid criteria: {problem}")]
    Criteria { path: String, problem: String, expected: String },

    /// Another document that says something else: of safeguards, or of moves between tiers.
    #[error("invalid {kind}: {problem}")]
    Document { kind: &'static str, path: String, problem: String, expected: String },

    /// A name in a criteria document that stands for nothing.
    #[error("{kind} \"{name}\" does not exist")]
    Unknown { kind: &'static str, name: String, path: String, hint: String },

    /// A document beyond the stated limits of the language.
    #[error("criteria are too large: {what} is limited to {limit}")]
    TooLarge { what: &'static str, limit: usize },

    /// An argument of a computation that makes no sense.
    #[error("{problem}")]
    Argument { problem: String, hint: String },

    /// The system gives no more memory.
    #[error("out of memory")]
    Memory,

    /// Stored bytes that this version cannot read.
    #[error("stored {0} cannot be read")]
    Corrupt(&'static str),
}

impl Error {
    pub fn code(&self) -> Code {
        match self {
            Error::Criteria { .. } | Error::Document { .. } | Error::Argument { .. } => {
                Code::InvalidParameterValue
            }
            Error::Unknown { .. } => Code::UndefinedObject,
            Error::TooLarge { .. } => Code::ProgramLimitExceeded,
            Error::Memory => Code::OutOfMemory,
            Error::Corrupt(_) => Code::DataCorrupted,
        }
    }

    /// Where in the document, as a sentence.
    pub fn detail(&self) -> Option<String> {
        match self {
            Error::Criteria { path, .. } | Error::Document { path, .. } | Error::Unknown { path, .. } => {
                Some(if path.is_empty() {
                    "At the top of the document.".to_owned()
                } else {
                    format!("At {path}.")
                })
            }
            _ => None,
        }
    }

    /// What to write instead, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Criteria { expected, .. } | Error::Document { expected, .. } => Some(expected.clone()),
            Error::Unknown { hint, .. } | Error::Argument { hint, .. } => Some(hint.clone()),
            Error::TooLarge { .. } => Some("Write a smaller document.".to_owned()),
            Error::Memory => Some("Try fewer rows, or when less is going on.".to_owned()),
            Error::Corrupt("model" | "tree of a model") => {
                Some("Train it again, or activate another version.".to_owned())
            }
            Error::Corrupt(_) => Some("Run CALL segment.rebuild() to compute it again.".to_owned()),
        }
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// The candidate that a typing mistake most likely meant, if one is close enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_offers_only_close_names() {
        let names = ["equals", "not_equals", "min", "max"];
        assert_eq!(nearest("equls", names), Some("equals".to_owned()));
        assert_eq!(nearest("mni", names), Some("min".to_owned()));
        assert_eq!(nearest("zebra", names), None);
    }
}
