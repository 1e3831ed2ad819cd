//! Standardisation: columns of different units are compared by their deviation from the mean.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// Mean and population standard deviation per column.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub center: Vec<f64>,
    /// 1 for a column that never varies: it then tells nothing apart and divides nothing by zero.
    pub deviation: Vec<f64>,
}

impl Scale {
    /// Of a matrix with at least one row.
    pub fn of(rows: ArrayView2<f64>) -> Self {
        let center: Vec<f64> = rows.mean_axis(Axis(0)).map_or_else(Vec::new, |means| means.to_vec());
        let deviation =
            rows.std_axis(Axis(0), 0.0).iter().map(|sd| if *sd > 0.0 { *sd } else { 1.0 }).collect();
        Scale { center, deviation }
    }

    pub fn apply(&self, rows: &mut Array2<f64>) {
        for mut row in rows.rows_mut() {
            for (value, (center, deviation)) in row.iter_mut().zip(self.center.iter().zip(&self.deviation)) {
                *value = (*value - center) / deviation;
            }
        }
    }

    /// From deviations back to the original units.
    pub fn restore(&self, row: ArrayView1<f64>) -> Vec<f64> {
        let scales = self.center.iter().zip(&self.deviation);
        row.iter().zip(scales).map(|(value, (center, deviation))| value * deviation + center).collect()
    }
}
