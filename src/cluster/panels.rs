//! Rows as the kernel reads them: panels of 16 rows, each panel one column after the other, in blocks of 8,192 rows.
//!
//! A block is allocated at once and never moves, so that memory is known before it is taken, and is the unit of
//! work: what a block contributes does not depend on who computes it.

use super::kernel::{Column, LANES, row};
use crate::error::{Error, Result};

/// Rows of a block.
pub const BLOCK: usize = 512 * LANES;

/// Beyond this, squares of differences would overflow.
const LARGEST: f64 = 1e150;

/// Bytes that a block of so many columns takes, with what the work on it needs for each row: two labels and a distance.
pub fn bytes_per_block(width: usize) -> usize {
    BLOCK * (width * size_of::<f64>() + 2 * size_of::<u32>() + size_of::<f64>())
}

/// A matrix of finite numbers.
#[derive(Clone, Debug, Default)]
pub struct Panels {
    width: usize,
    rows: usize,
    blocks: Vec<Box<[Column]>>,
}

impl Panels {
    pub fn new(width: usize) -> Self {
        Panels { width, rows: 0, blocks: Vec::new() }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the next row begins a block.
    pub fn is_full(&self) -> bool {
        self.rows == self.blocks.len() * BLOCK
    }

    /// The first column of a row whose number cannot be worked with.
    pub fn too_large(row: &[f64]) -> Option<usize> {
        row.iter().position(|value| value.abs() > LARGEST)
    }

    /// Adds a row of as many numbers as there are columns, none of them too large.
    pub fn push(&mut self, row: &[f64]) -> Result<()> {
        if self.is_full() {
            let mut block = Vec::new();
            block.try_reserve_exact(BLOCK / LANES * self.width).map_err(|_| Error::Memory)?;
            block.resize(BLOCK / LANES * self.width, Column([0.0; LANES]));
            self.blocks.push(block.into_boxed_slice());
        }
        let (panel, lane) = self.place(self.rows);
        if let Some(block) = self.blocks.last_mut() {
            block[panel..].iter_mut().zip(row).for_each(|(column, value)| column.0[lane] = *value);
        }
        self.rows += 1;
        Ok(())
    }

    /// Where in its block the panel of a row begins, and its lane there.
    fn place(&self, row: usize) -> (usize, usize) {
        let within = row % BLOCK;
        (within / LANES * self.width, within % LANES)
    }

    pub fn row(&self, index: usize) -> impl Iterator<Item = f64> {
        let (panel, lane) = self.place(index);
        row(&self.blocks[index / BLOCK][panel..][..self.width], lane)
    }

    /// The blocks, each with how many of its rows there are.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = Block<'_>> + Send {
        self.blocks.iter().enumerate().map(|(index, columns)| Block {
            columns,
            width: self.width,
            rows: (self.rows - index * BLOCK).min(BLOCK),
        })
    }

    /// Changes every number, given with its column.
    pub fn map(&mut self, change: impl Fn(usize, f64) -> f64) {
        for block in &mut self.blocks {
            for panel in block.chunks_exact_mut(self.width) {
                for (column, values) in panel.iter_mut().enumerate() {
                    values.0 = values.0.map(|value| change(column, value));
                }
            }
        }
    }

    /// Some rows, in the order given.
    pub fn select(&self, rows: &[usize]) -> Result<Panels> {
        let mut selected = Panels::new(self.width);
        let mut numbers = Vec::with_capacity(self.width);
        for row in rows {
            numbers.clear();
            numbers.extend(self.row(*row));
            selected.push(&numbers)?;
        }
        Ok(selected)
    }
}

/// Rows of a block, as they lie.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    columns: &'a [Column],
    pub width: usize,
    pub rows: usize,
}

impl<'a> Block<'a> {
    /// The panels that have rows, each with how many; the others of the last one are no rows.
    pub fn panels(self) -> impl Iterator<Item = (&'a [Column], usize)> {
        let panels = self.columns.chunks_exact(self.width).take(self.rows.div_ceil(LANES));
        panels.enumerate().map(move |(index, panel)| (panel, (self.rows - index * LANES).min(LANES)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_put_in() {
        let mut panels = Panels::new(3);
        let row = |index: usize| [index as f64, -(index as f64), 0.5];
        (0..BLOCK + 40).for_each(|index| panels.push(&row(index)).unwrap());
        assert_eq!(panels.rows(), BLOCK + 40);
        for index in [0, 1, 15, 16, BLOCK - 1, BLOCK, BLOCK + 39] {
            assert_eq!(panels.row(index).collect::<Vec<_>>(), row(index));
        }
        assert_eq!(panels.blocks().map(|block| block.rows).collect::<Vec<_>>(), [BLOCK, 40]);
        let last: Vec<usize> = panels.blocks().last().unwrap().panels().map(|(_, rows)| rows).collect();
        assert_eq!(last, [16, 16, 8]);
        panels.map(|column, value| if column == 0 { value + 1.0 } else { value });
        assert_eq!(panels.select(&[BLOCK]).unwrap().row(0).next(), Some((BLOCK + 1) as f64));
    }
}
