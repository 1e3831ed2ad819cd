//! Models learned from what subscribers did: who leaves, who spends what, who engages.
//!
//! One grower of trees serves gradient boosting and the random forest; logistic regression is there for few rows. All of it
//! runs on the caller's thread and is deterministic by its seed; `tick` runs often and may unwind to stop.

mod bins;
mod calibration;
mod codec;
mod drift;
mod ensemble;
mod grow;
mod importance;
mod kind;
mod logistic;
mod matrix;
mod metrics;
mod model;
mod random;
#[cfg(test)]
mod sample;
mod set;
mod study;
mod training;
mod tree;

pub use calibration::Calibration;
pub use drift::{Baseline, Drift, kolmogorov_smirnov, psi, quantile};
pub use ensemble::{Boosting, Ensemble, Examples, Forest, Loss, sigmoid};
pub use kind::{Kind, Plan, Spans};
pub use logistic::Logistic;
pub use matrix::Matrix;
pub use metrics::{Part, auc, brier, calibration_table, log_loss, measure, spearman};
pub use model::{Confidence, Learner, MOST_FEATURES, Model};
pub use set::Set;
pub use study::{Predictor, Study, study};
pub use training::{Algorithm, Training};
