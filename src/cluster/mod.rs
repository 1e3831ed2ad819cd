//! Groups of similar rows: k-means on panels of 16 rows, how good its clusters are, what sets each apart, and DBSCAN.

mod clusters;
mod dbscan;
mod kernel;
mod kmeans;
mod lloyd;
mod matching;
mod panels;
mod portrait;
mod quality;
mod random;
mod scale;
mod seeding;
mod team;
#[cfg(test)]
mod tests;

pub use clusters::Clusters;
pub use dbscan::dbscan;
pub use kmeans::{Fit, Options, fit};
pub use matching::assignment;
pub use panels::{Panels, bytes_per_block};
pub use portrait::{in_words, names};
pub use quality::{Silhouette, calinski_harabasz, davies_bouldin, sample, silhouette};
pub use scale::Scale;
pub use team::Team;
