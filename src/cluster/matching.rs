//! The same clusters in two fits: pairs whose centroids together move least.

/// The column for each row of a square matrix of costs, one row after the other, such that the sum of the costs is least:
/// the Hungarian method, by shortest augmenting paths (Jonker and Volgenant 1987), in time n^3.
pub fn assignment(costs: &[f64], n: usize) -> Vec<usize> {
    // Row 0 and column 0 stand for none.
    let (mut row_price, mut column_price) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    let mut row_of = vec![0; n + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut least = vec![f64::INFINITY; n + 1];
        let (mut before, mut done) = (vec![0; n + 1], vec![false; n + 1]);
        let mut column = 0;
        while row_of[column] != 0 {
            done[column] = true;
            let (from, mut step, mut next) = (row_of[column], f64::INFINITY, 0);
            for other in (1..=n).filter(|other| !done[*other]) {
                let reduced = costs[(from - 1) * n + other - 1] - row_price[from] - column_price[other];
                if reduced < least[other] {
                    least[other] = reduced;
                    before[other] = column;
                }
                if least[other] < step {
                    step = least[other];
                    next = other;
                }
            }
            for other in 0..=n {
                if done[other] {
                    row_price[row_of[other]] += step;
                    column_price[other] -= step;
                } else {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[before[column]];
            column = before[column];
        }
    }
    let mut columns = vec![0; n];
    (1..=n).for_each(|column| columns[row_of[column] - 1] = column - 1);
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::random::Random;

    /// The least cost of all permutations.
    fn least(costs: &[f64], n: usize, row: usize, used: u32) -> f64 {
        if row == n {
            return 0.0;
        }
        let free = (0..n).filter(|column| used & (1 << column) == 0);
        let with =
            free.map(|column| costs[row * n + column] + least(costs, n, row + 1, used | (1 << column)));
        with.fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn costs_least_of_all_permutations() {
        let mut random = Random::new(3);
        for n in 1..=6 {
            for _ in 0..50 {
                // Few different costs, so that many are equal.
                let costs: Vec<f64> = (0..n * n).map(|_| random.below(7) as f64).collect();
                let found = assignment(&costs, n);
                let sum: f64 = found.iter().enumerate().map(|(row, column)| costs[row * n + column]).sum();
                assert_eq!(sum, least(&costs, n, 0, 0));
                let mut columns = found;
                columns.sort_unstable();
                assert_eq!(columns, (0..n).collect::<Vec<_>>());
            }
        }
    }
}
