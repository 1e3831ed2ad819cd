//! Groups of similar rows: standardisation and k-means.

mod kmeans;
mod scale;

pub use kmeans::{KMeans, Options};
pub use scale::Scale;
