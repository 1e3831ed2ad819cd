//! Rows of features, kept by column.

/// Numbers by column; NaN stands for a missing one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    columns: Vec<Vec<f64>>,
    rows: usize,
}

impl Matrix {
    pub fn new(width: usize) -> Self {
        Matrix { columns: vec![Vec::new(); width], rows: 0 }
    }

    /// Adds a row as wide as the matrix. What is not finite counts as missing.
    pub fn push(&mut self, row: &[f64]) {
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.push(if value.is_finite() { *value } else { f64::NAN });
        }
        self.rows += 1;
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn width(&self) -> usize {
        self.columns.len()
    }

    pub fn column(&self, column: usize) -> &[f64] {
        &self.columns[column]
    }

    /// Every row, one after the other.
    pub fn each_row(&self, mut see: impl FnMut(usize, &[f64])) {
        let mut row = vec![0.0; self.width()];
        for index in 0..self.rows {
            for (value, column) in row.iter_mut().zip(&self.columns) {
                *value = column[index];
            }
            see(index, &row);
        }
    }

    /// The same rows with the values of one column in another order.
    pub fn with_column(&self, column: usize, order: &[usize]) -> Matrix {
        let mut other = self.clone();
        other.columns[column] = order.iter().map(|row| self.columns[column][*row]).collect();
        other
    }
}
