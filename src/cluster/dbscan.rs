//! DBSCAN (Ester, Kriegel, Sander and Xu 1996), by linfa-clustering over a k-d tree.

use super::panels::Panels;
use crate::error::{Error, Result};
use kdtree::KdTree;
use linfa::{Float, ParamGuard as _, traits::Transformer as _};
use linfa_clustering::Dbscan;
use linfa_nn::distance::{Distance, L2Dist};
use linfa_nn::{BuildError, NearestNeighbour, NearestNeighbourIndex, NnError};
use ndarray::{Array2, ArrayBase, ArrayView1, Data, Ix2};

/// Most rows: looking for the neighbours of all is quadratic at worst.
const MOST_ROWS: usize = 200_000;

/// The cluster of each row, from 0 on in the order of their first rows; `None` for noise. A row begins a cluster or lets it
/// grow where at least so many rows, itself included, lie within the radius. `tick` runs before each search and may unwind.
pub fn dbscan(panels: Panels, radius: f64, neighbours: usize, tick: fn()) -> Result<Vec<Option<usize>>> {
    let refuse = |problem: String, hint: &str| Err(Error::Argument { problem, hint: hint.to_owned() });
    if panels.rows() > MOST_ROWS {
        return refuse(
            format!("dbscan takes at most {MOST_ROWS} rows, not {}", panels.rows()),
            "Pass a view of a sample of the rows.",
        );
    }
    let params = match Dbscan::params_with(neighbours, L2Dist, Watched(tick)).tolerance(radius).check() {
        Ok(params) if radius.is_finite() => params,
        _ => {
            return refuse(
                "radius must be a number above 0, and neighbours at least 2".to_owned(),
                "The radius is in standard deviations, unless standardise => false.",
            );
        }
    };
    let numbers: Vec<f64> = (0..panels.rows()).flat_map(|row| panels.row(row)).collect();
    let shape = (panels.rows(), panels.width());
    drop(panels);
    let rows = Array2::from_shape_vec(shape, numbers).map_err(|_| Error::Memory)?;
    Ok(params.transform(&rows).to_vec())
}

/// A k-d tree that can be interrupted while it is built and searched: linfa's own cannot.
#[derive(Clone, Debug)]
struct Watched(fn());

struct WatchedTree<'a, F: Float, D> {
    tree: KdTree<F, (ArrayView1<'a, F>, usize), Vec<F>>,
    distance: D,
    tick: fn(),
}

type Index<'a, F> = Box<dyn NearestNeighbourIndex<F> + Send + Sync + 'a>;

impl NearestNeighbour for Watched {
    fn from_batch_with_leaf_size<'a, F: Float, DT: Data<Elem = F>, D: 'a + Distance<F>>(
        &self,
        batch: &'a ArrayBase<DT, Ix2>,
        leaf_size: usize,
        distance: D,
    ) -> std::result::Result<Index<'a, F>, BuildError> {
        let mut tree = KdTree::with_capacity(batch.ncols(), leaf_size);
        for (place, point) in batch.rows().into_iter().enumerate() {
            (self.0)();
            tree.add(point.to_vec(), (point, place)).map_err(|_| BuildError::ZeroDimension)?;
        }
        Ok(Box::new(WatchedTree { tree, distance, tick: self.0 }))
    }
}

impl<F: Float, D: Distance<F>> WatchedTree<'_, F, D> {
    fn apart(&self, a: &[F], b: &[F]) -> F {
        (self.tick)();
        self.distance.rdistance(ArrayView1::from(a), ArrayView1::from(b))
    }
}

type Found<'f, F> = std::result::Result<Vec<(ArrayView1<'f, F>, usize)>, NnError>;

impl<F: Float, D: Distance<F>> NearestNeighbourIndex<F> for WatchedTree<'_, F, D> {
    fn k_nearest(&self, point: ArrayView1<'_, F>, k: usize) -> Found<'_, F> {
        let found = self.tree.nearest(&point.to_vec(), k, &|a, b| self.apart(a, b));
        let found = found.map_err(|_| NnError::WrongDimension)?;
        Ok(found.into_iter().map(|(_, (point, place))| (point.reborrow(), *place)).collect())
    }

    fn within_range(&self, point: ArrayView1<'_, F>, range: F) -> Found<'_, F> {
        let range = self.distance.dist_to_rdist(range);
        let found = self.tree.within(&point.to_vec(), range, &|a, b| self.apart(a, b));
        let found = found.map_err(|_| NnError::WrongDimension)?;
        Ok(found.into_iter().map(|(_, (point, place))| (point.reborrow(), *place)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[f64; 2]]) -> Panels {
        let mut panels = Panels::new(2);
        rows.iter().for_each(|row| panels.push(row).unwrap());
        panels
    }

    #[test]
    fn dense_rows_are_clusters_and_others_noise() {
        let near = |x: f64, y: f64| [[x, y], [x + 0.1, y], [x, y + 0.1]];
        let all = [near(0.0, 0.0).as_slice(), &[[5.0, 5.0]], &near(9.0, 0.0)].concat();
        let found = dbscan(rows(&all), 0.2, 3, || ()).unwrap();
        assert_eq!(found, [Some(0), Some(0), Some(0), None, Some(1), Some(1), Some(1)]);
    }

    #[test]
    fn equal_rows_are_one_cluster() {
        let found = dbscan(rows(&[[1.0, 1.0]; 1_000]), 0.5, 5, || ()).unwrap();
        assert!(found.iter().all(|cluster| *cluster == Some(0)));
    }

    #[test]
    fn senseless_arguments_are_refused() {
        for (radius, neighbours) in [(0.0, 3), (f64::NAN, 3), (f64::INFINITY, 3), (1.0, 1)] {
            assert!(dbscan(rows(&[[1.0, 1.0]]), radius, neighbours, || ()).is_err());
        }
    }
}
