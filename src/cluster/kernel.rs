//! The arithmetic of a panel: 16 rows against a point at once, in vector registers.
//!
//! Every loop is written once, over arrays of 16 numbers that the compiler turns into vector instructions, and
//! compiled for each kind of processor. All give the same bits: a fused multiplication and addition is exactly
//! rounded wherever it is computed.

/// Rows that are computed together.
pub const LANES: usize = 16;

pub type Lanes = [f64; LANES];

/// One column of the rows of a panel, where no vector register is loaded from two lines of the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Column(pub Lanes);

/// The numbers of a row of a panel.
#[inline(always)]
pub fn row(panel: &[Column], lane: usize) -> impl Iterator<Item = f64> {
    panel.iter().map(move |column| column.0[lane])
}

/// Squared Euclidean distances of the rows of a panel to a point.
#[inline(always)]
pub fn squared(panel: &[Column], point: &[f64]) -> Lanes {
    let mut sums = [0.0; LANES];
    for (column, value) in panel.iter().zip(point) {
        for (sum, cell) in sums.iter_mut().zip(&column.0) {
            let apart = cell - value;
            *sum = apart.mul_add(apart, *sum);
        }
    }
    sums
}

/// The same to two points at once: while the sums of one wait for an addition, those of the other go on.
#[inline(always)]
fn squared_to_two(panel: &[Column], first: &[f64], second: &[f64]) -> [Lanes; 2] {
    let (mut to_first, mut to_second) = ([0.0; LANES], [0.0; LANES]);
    for ((column, first), second) in panel.iter().zip(first).zip(second) {
        for lane in 0..LANES {
            let apart = column.0[lane] - first;
            to_first[lane] = apart.mul_add(apart, to_first[lane]);
            let apart = column.0[lane] - second;
            to_second[lane] = apart.mul_add(apart, to_second[lane]);
        }
    }
    [to_first, to_second]
}

/// The nearest of some points for each row of a panel, the lowest index among equals, and the squared distance to it.
/// Points lie one after the other.
#[inline(always)]
pub fn nearest(panel: &[Column], points: &[f64]) -> ([u32; LANES], Lanes) {
    // Bits of the type of the distances, so that vector registers choose between both alike.
    let mut labels = [f64::from_bits(0); LANES];
    let mut least = [f64::INFINITY; LANES];
    for (pair, points) in points.chunks(2 * panel.len()).enumerate() {
        let (first, second) = points.split_at(panel.len());
        // The last of an odd number goes with itself, and is then no nearer than it is already.
        let second = if second.is_empty() { first } else { second };
        let distances = squared_to_two(panel, first, second);
        take_nearer(2 * pair, &distances[0], &mut labels, &mut least);
        take_nearer(2 * pair + 1, &distances[1], &mut labels, &mut least);
    }
    (labels.map(|label| label.to_bits() as u32), least)
}

/// Takes a point where it is nearer than those before.
#[inline(always)]
fn take_nearer(index: usize, distances: &Lanes, labels: &mut Lanes, least: &mut Lanes) {
    let label = f64::from_bits(index as u64);
    for lane in 0..LANES {
        let nearer = distances[lane] < least[lane];
        labels[lane] = if nearer { label } else { labels[lane] };
        least[lane] = if nearer { distances[lane] } else { least[lane] };
    }
}

/// Defines functions whose loops are compiled for the vector instructions that the processor turns out to have.
macro_rules! vectorised {
    ($($(#[$doc:meta])* pub fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$doc])*
        pub fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn portable($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    portable($($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    portable($($argument),*)
                }
                match $crate::cluster::kernel::vectors() {
                    // SAFETY: the processor has these instructions.
                    $crate::cluster::kernel::Vectors::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: the processor has these instructions.
                    $crate::cluster::kernel::Vectors::Avx2 => return unsafe { avx2($($argument),*) },
                    $crate::cluster::kernel::Vectors::Portable => {}
                }
            }
            portable($($argument),*)
        }
    )*};
}
pub(super) use vectorised;

/// Which vector instructions are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vectors {
    Avx512,
    Avx2,
    Portable,
}

/// The best that the processor has.
#[cfg(target_arch = "x86_64")]
pub fn vectors() -> Vectors {
    #[cfg(test)]
    if let Some(forced) = tests::FORCED.get() {
        return forced;
    }
    if is_x86_feature_detected!("avx512f") {
        Vectors::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Vectors::Avx2
    } else {
        Vectors::Portable
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// What this thread's tests use in the place of the best.
        pub static FORCED: Cell<Option<Vectors>> = const { Cell::new(None) };
    }

    vectorised! {
        pub fn nearest_of(panel: &[Column], points: &[f64]) -> ([u32; LANES], Lanes) {
            nearest(panel, points)
        }
    }

    #[test]
    fn every_processor_gives_the_same_bits() {
        let mut random = crate::cluster::random::Random::new(7);
        for (width, count) in [(1, 5), (2, 4), (7, 1), (33, 5)] {
            let mut column = || Column([0.0; LANES].map(|_| random.unit() * 1e3 - 500.0));
            let panel: Vec<Column> = (0..width).map(|_| column()).collect();
            let points: Vec<f64> = (0..width * count).map(|_| random.unit() * 1e3 - 500.0).collect();
            let mut results = Vec::new();
            let best = vectors();
            for kind in [Vectors::Portable, Vectors::Avx2, Vectors::Avx512] {
                // Not what this processor lacks.
                if kind as u8 >= best as u8 {
                    FORCED.set(Some(kind));
                    results.push(nearest_of(&panel, &points));
                    FORCED.set(None);
                }
            }
            let bits = |lanes: &Lanes| lanes.map(f64::to_bits);
            let first = &results[0];
            assert!(results.iter().all(|one| one.0 == first.0 && bits(&one.1) == bits(&first.1)));
            // And the right ones.
            for lane in 0..LANES {
                let row: Vec<f64> = row(&panel, lane).collect();
                let distance = |point: &[f64]| point.iter().zip(&row).map(|(a, b)| (a - b) * (a - b)).sum();
                let distances: Vec<f64> = points.chunks_exact(width).map(distance).collect();
                let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
                assert!((first.1[lane] - least).abs() <= 1e-9 * least);
                assert_eq!(distances[first.0[lane] as usize], least);
            }
        }
    }

    #[test]
    fn the_lowest_index_wins_among_equals() {
        let (labels, least) = nearest_of(&[Column([3.0; LANES])], &[4.0, 2.0, 4.0]);
        assert_eq!((labels, least), ([0; LANES], [1.0; LANES]));
    }
}
