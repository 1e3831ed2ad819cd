//! How much a distribution has moved since the training.

/// Least share of a bin in the population stability index.
const FLOOR: f64 = 1e-4;

/// Parts that the index compares.
const TENTHS: usize = 10;

/// Points of the distribution function that are kept: a Kolmogorov-Smirnov distance is off by a part of so many at most.
const POINTS: usize = 200;

/// Largest product of two sample sizes of which the distribution of the distance is computed exactly.
const EXACT: usize = 10_000;

/// The distribution of a number at the training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    pub missing: u64,
    /// Upper ends of the tenths, but for the last, and how many values each has; equal ends are one.
    pub edges: Vec<f64>,
    pub counts: Vec<u64>,
    /// Values in ascending order, and how many do not exceed each.
    pub points: Vec<f64>,
    pub below: Vec<u64>,
}

/// A number then and now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Rows, those with the number missing included.
    pub rows: u64,
    /// Population stability index, with missing values as a part of their own.
    pub psi: f64,
    /// Kolmogorov-Smirnov distance, and the probability of one as large by chance; NaN without values.
    pub ks: f64,
    pub p: f64,
    /// Shares.
    pub missing_then: f64,
    pub missing_now: f64,
}

impl Baseline {
    pub fn new(values: &[f64]) -> Self {
        let (sorted, missing) = known(values);
        let mut edges: Vec<f64> = match sorted.is_empty() {
            true => Vec::new(),
            false => (1..TENTHS).map(|tenth| quantile(&sorted, tenth as f64 / TENTHS as f64)).collect(),
        };
        edges.dedup();
        let mut points: Vec<f64> = match sorted.len() {
            0 => Vec::new(),
            count => (1..=POINTS).map(|point| sorted[(point * count).div_ceil(POINTS) - 1]).collect(),
        };
        points.dedup();
        let below = points.iter().map(|point| up_to(&sorted, *point) as u64).collect();
        Baseline { missing, counts: counts(&sorted, &edges), edges, points, below }
    }

    /// How many values were not missing.
    fn known(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn compare(&self, values: &[f64]) -> Drift {
        let (sorted, missing) = known(values);
        let (mut then, mut now) = (self.counts.clone(), counts(&sorted, &self.edges));
        if self.missing > 0 || missing > 0 {
            then.push(self.missing);
            now.push(missing);
        }
        let (n, m) = (self.known(), sorted.len() as u64);
        let distance = |(point, below): (&f64, &u64)| {
            (*below as f64 / n as f64 - up_to(&sorted, *point) as f64 / m as f64).abs()
        };
        let ks = match n.min(m) {
            0 => f64::NAN,
            _ => self.points.iter().zip(&self.below).map(distance).fold(0.0, f64::max),
        };
        let share = |missing: u64, known: u64| missing as f64 / (missing + known).max(1) as f64;
        Drift {
            rows: values.len() as u64,
            psi: psi(&then, &now),
            ks,
            p: if ks.is_nan() { ks } else { asymptotic_p(ks, n as f64, m as f64) },
            missing_then: share(self.missing, n),
            missing_now: share(missing, m),
        }
    }
}

/// The sum over the bins of `(now - then) ln(now / then)`, of shares of at least 1e-4; 0 where one side has nothing.
pub fn psi(then: &[u64], now: &[u64]) -> f64 {
    let (all_then, all_now): (u64, u64) = (then.iter().sum(), now.iter().sum());
    if all_then == 0 || all_now == 0 {
        return 0.0;
    }
    let term = |(then, now): (&u64, &u64)| {
        let (then, now) = (*then as f64 / all_then as f64, *now as f64 / all_now as f64);
        let (then, now) = (then.max(FLOOR), now.max(FLOOR));
        (now - then) * (now / then).ln()
    };
    then.iter().zip(now).map(term).sum()
}

/// The largest difference of the distribution functions of two samples without missing values, and the probability of one at
/// least as large where both are of one distribution: exact for small samples.
pub fn kolmogorov_smirnov(a: &[f64], b: &[f64]) -> (f64, f64) {
    let ((a, _), (b, _)) = (known(a), known(b));
    let (n, m) = (a.len(), b.len());
    let share = |sorted: &[f64], point: f64| up_to(sorted, point) as f64 / sorted.len() as f64;
    let points = a.iter().chain(&b);
    let ks = points.map(|point| (share(&a, *point) - share(&b, *point)).abs()).fold(0.0, f64::max);
    let small = n.saturating_mul(m) <= EXACT;
    (ks, if small { exact_p(ks, n, m) } else { asymptotic_p(ks, n as f64, m as f64) })
}

/// One less the share of the lattice paths from (0, 0) to (n, m) that stay closer to the diagonal than that, as R's
/// psmirnov2x counts them; without ties.
fn exact_p(ks: f64, n: usize, m: usize) -> f64 {
    if n == 0 || m == 0 {
        return f64::NAN;
    }
    let (rows, columns) = (n as f64, m as f64);
    let limit = (0.5 + (ks * rows * columns - 1e-7).floor()) / (rows * columns);
    let inside = |i: usize, j: usize| (i as f64 / rows - j as f64 / columns).abs() <= limit;
    let mut paths: Vec<f64> = (0..=m).map(|j| f64::from(u8::from(inside(0, j)))).collect();
    for i in 1..=n {
        let weight = i as f64 / (i + m) as f64;
        paths[0] = if inside(i, 0) { weight * paths[0] } else { 0.0 };
        for j in 1..=m {
            paths[j] = if inside(i, j) { weight * paths[j] + paths[j - 1] } else { 0.0 };
        }
    }
    (1.0 - paths[m]).clamp(0.0, 1.0)
}

/// Kolmogorov's limit distribution.
fn asymptotic_p(ks: f64, n: f64, m: f64) -> f64 {
    let lambda = ks * (n * m / (n + m)).sqrt();
    if lambda < 0.2 {
        // The series below converges slowly there; the probability is 1 to 15 places.
        return 1.0;
    }
    let term = |k: i32| {
        let k = f64::from(k);
        let sign = if k % 2.0 == 0.0 { -1.0 } else { 1.0 };
        sign * (-2.0 * k * k * lambda * lambda).exp()
    };
    (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

/// The values that are not missing in ascending order, and how many are.
fn known(values: &[f64]) -> (Vec<f64>, u64) {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let missing = (values.len() - sorted.len()) as u64;
    (sorted, missing)
}

/// How many values do not exceed one.
fn up_to(sorted: &[f64], point: f64) -> usize {
    sorted.partition_point(|value| *value <= point)
}

fn counts(sorted: &[f64], edges: &[f64]) -> Vec<u64> {
    let ends: Vec<usize> = edges.iter().map(|edge| up_to(sorted, *edge)).chain([sorted.len()]).collect();
    let begins = [0].into_iter().chain(ends.iter().copied());
    begins.zip(&ends).map(|(begin, end)| (end - begin) as u64).collect()
}

/// With straight lines between the values (type 7 of Hyndman and Fan). There must be a value.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_has_not_drifted() {
        let values: Vec<f64> = (0..1_000).map(|row| f64::from(row % 37)).collect();
        let drift = Baseline::new(&values).compare(&values);
        assert_eq!((drift.psi, drift.ks, drift.rows), (0.0, 0.0, 1_000));
        assert!(drift.p > 0.999);
    }

    #[test]
    fn what_moves_and_what_is_missing_shows() {
        let then: Vec<f64> = (0..1_000).map(f64::from).collect();
        let now: Vec<f64> =
            (0..1_000).map(|row| if row < 100 { f64::NAN } else { f64::from(row) + 500.0 }).collect();
        let drift = Baseline::new(&then).compare(&now);
        assert!(drift.psi > 1.0 && (drift.ks - 5.0 / 9.0 - 0.1 * 4.0 / 9.0).abs() < 0.02, "{drift:?}");
        assert_eq!((drift.missing_then, drift.missing_now), (0.0, 0.1));
        assert!(drift.p < 1e-9);
        let nothing = Baseline::new(&then).compare(&[]);
        assert!(nothing.ks.is_nan() && nothing.psi == 0.0);
        assert!(Baseline::new(&[]).compare(&then).ks.is_nan());
    }

    #[test]
    fn psi_by_hand() {
        let expected =
            2.0 * (0.3_f64 - 0.2) * (0.3_f64 / 0.2).ln() / 2.0 + (0.7_f64 - 0.8) * (0.7_f64 / 0.8).ln();
        assert!((psi(&[20, 80], &[30, 70]) - expected).abs() < 1e-12);
        assert_eq!(psi(&[5, 5], &[0, 0]), 0.0);
    }

    #[test]
    fn small_samples_are_exact() {
        // All of one below all of the other: 2 of the 252 orders of 5 and 5.
        let (ks, p) = kolmogorov_smirnov(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]);
        assert_eq!(ks, 1.0);
        assert!((p - 2.0 / 252.0).abs() < 1e-12, "{p}");
    }
}
