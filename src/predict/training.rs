//! How a model is trained, as a document says.

use super::tree::DEEPEST;
use crate::error::{Error, Result, nearest};
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Boosting,
    Forest,
    Logistic,
}

impl Algorithm {
    pub const ALL: [Algorithm; 3] = [Algorithm::Boosting, Algorithm::Forest, Algorithm::Logistic];

    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Boosting => "boosting",
            Algorithm::Forest => "forest",
            Algorithm::Logistic => "logistic",
        }
    }
}

/// What there is a default of by algorithm may be left open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Training {
    /// By the number of examples, where none is named.
    pub algorithm: Option<Algorithm>,
    /// Whether both outcomes weigh the same in the training, however rare one is; the calibration undoes what that does to the
    /// probabilities.
    pub balance: bool,
    /// Rounds of boosting at most, or trees of a forest.
    pub trees: Option<usize>,
    pub depth: Option<usize>,
    /// Fewest rows of a leaf.
    pub min_rows: Option<u32>,
    /// What each round of boosting counts for.
    pub rate: f64,
    /// The weight of the data against the penalty, of logistic regression.
    pub c: f64,
    pub seed: u64,
}

impl Default for Training {
    fn default() -> Self {
        Training {
            algorithm: None,
            balance: false,
            trees: None,
            depth: None,
            min_rows: None,
            rate: 0.1,
            c: 1.0,
            seed: 42,
        }
    }
}

impl Training {
    const KEYS: [&str; 8] = ["algorithm", "balance", "trees", "depth", "min_rows", "rate", "c", "seed"];

    /// From a document with some of the fields.
    pub fn parse(document: &Map<String, Value>) -> Result<Self> {
        let mut training = Training::default();
        for (key, value) in document {
            let whole = |from: u64, to: u64| {
                let number = value.as_u64().filter(|number| (from..=to).contains(number));
                number.ok_or_else(|| wrong(key, &format!("a whole number from {from} to {to}")))
            };
            let number = || {
                let number = value.as_f64().filter(|number| *number > 0.0 && number.is_finite());
                number.ok_or_else(|| wrong(key, "a number above 0"))
            };
            match key.as_str() {
                "algorithm" => {
                    let named = |algorithm: &Algorithm| Some(algorithm.name()) == value.as_str();
                    let found = Algorithm::ALL.into_iter().find(named);
                    training.algorithm =
                        Some(found.ok_or_else(|| wrong(key, "boosting, forest or logistic"))?);
                }
                "balance" => training.balance = value.as_bool().ok_or_else(|| wrong(key, "true or false"))?,
                "trees" => training.trees = Some(whole(1, 10_000)? as usize),
                "depth" => training.depth = Some(whole(1, DEEPEST as u64)? as usize),
                "min_rows" => training.min_rows = Some(whole(1, u32::MAX.into())? as u32),
                "rate" => training.rate = number()?.min(1.0),
                "c" => training.c = number()?,
                "seed" => {
                    let seed = value.as_i64().ok_or_else(|| wrong(key, "a whole number"))?;
                    training.seed = seed as u64;
                }
                _ => {
                    let near = nearest(key, Self::KEYS);
                    let near = near.map_or_else(String::new, |near| format!("Did you mean \"{near}\"? "));
                    return Err(Error::Argument {
                        problem: format!("unknown parameter \"{key}\""),
                        hint: format!("{near}Known ones are {}.", Self::KEYS[1..7].join(", ")),
                    });
                }
            }
        }
        Ok(training)
    }
}

fn wrong(key: &str, wanted: &str) -> Error {
    Error::Argument {
        problem: format!("\"{key}\" is to be {wanted}"),
        hint: "Leave it out for the default.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Training> {
        Training::parse(serde_json::from_str::<Value>(text).unwrap().as_object().unwrap())
    }

    #[test]
    fn documents() {
        let training =
            parse(r#"{"algorithm": "forest", "trees": 10, "balance": true, "rate": 0.5, "seed": -1}"#);
        let expected = Training {
            algorithm: Some(Algorithm::Forest),
            trees: Some(10),
            balance: true,
            rate: 0.5,
            seed: u64::MAX,
            ..Training::default()
        };
        assert_eq!(training, Ok(expected));
        for (text, problem) in [
            (r#"{"algorithm": "svm"}"#, "\"algorithm\" is to be boosting, forest or logistic"),
            (r#"{"depth": 0}"#, "\"depth\" is to be a whole number from 1 to 32"),
            (r#"{"rate": 0}"#, "\"rate\" is to be a number above 0"),
            (r#"{"balance": 1}"#, "\"balance\" is to be true or false"),
            (r#"{"tres": 5}"#, "unknown parameter \"tres\""),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), problem);
        }
    }
}
