//! The maximum of a log-likelihood of a few positive parameters: BFGS over their logarithms, from several starts.

use crate::error::{Error, Result};

/// The gradient, by the logarithms of the parameters and per observation, that counts as none.
const FLAT: f64 = 1e-8;
const MOST_STEPS: usize = 500;
/// How far the logarithm of a parameter may go, in units that make the data about 1: beyond, the data do not say how large it is.
const FAR: f64 = 12.0;
/// The longest step in the logarithm of a parameter.
const LONGEST: f64 = 2.0;

/// A model with what is known of how it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit<M> {
    pub model: M,
    pub log_likelihood: f64,
    /// Largest derivative by the logarithm of a parameter, per observation.
    pub gradient: f64,
    /// Evaluations of the likelihood.
    pub evaluations: usize,
}

pub struct Maximum<const N: usize> {
    pub parameters: [f64; N],
    pub gradient: f64,
    pub evaluations: usize,
}

/// The value of a function and its derivatives by the parameters themselves.
pub type Slope<const N: usize> = (f64, [f64; N]);

/// The highest maximum of a mean log-likelihood that is reached from some of the starts. An error says which parameter the
/// data do not determine, or that no maximum was reached, with what the caller has to say about that.
pub fn maximise<const N: usize>(
    names: [&str; N],
    hint: &str,
    starts: &[[f64; N]],
    mut likelihood: impl FnMut(&[f64; N]) -> Slope<N>,
) -> Result<Maximum<N>> {
    let mut evaluations = 0;
    let mut by_logarithms = |point: &[f64; N]| {
        evaluations += 1;
        let parameters = point.map(f64::exp);
        let (value, slope) = likelihood(&parameters);
        (value, std::array::from_fn(|i| slope[i] * parameters[i]))
    };
    let no_maximum = |how: String| {
        let problem = format!("the model did not converge: {how}");
        Error::Argument { problem, hint: hint.to_owned() }
    };
    let ends: Vec<End<N>> =
        starts.iter().map(|start| climb(start.map(f64::ln), &mut by_logarithms)).collect();
    let Some(best) = ends.iter().max_by(|left, right| left.value.total_cmp(&right.value)) else {
        return Err(no_maximum("there is nowhere to start from".to_owned()));
    };
    if let Some(astray) = (0..N).find(|i| best.point[*i].abs() > FAR) {
        let end = if best.point[astray] > 0.0 { "grows without bound" } else { "goes to 0" };
        return Err(no_maximum(format!("{} {end}", names[astray])));
    }
    if best.gradient > FLAT {
        return Err(no_maximum(format!(
            "after {MOST_STEPS} steps from each of {} starts the gradient is {:.1e}",
            starts.len(),
            best.gradient
        )));
    }
    Ok(Maximum { parameters: best.point.map(f64::exp), gradient: best.gradient, evaluations })
}

struct End<const N: usize> {
    point: [f64; N],
    value: f64,
    gradient: f64,
}

/// Goes uphill from a point until it is flat, the point is far away, or nothing higher is found.
fn climb<const N: usize>(start: [f64; N], evaluate: &mut impl FnMut(&[f64; N]) -> Slope<N>) -> End<N> {
    let mut point = start;
    let (mut value, mut slope) = evaluate(&point);
    // The inverse of the Hessian's negative, as far as it is known.
    let mut curvature = identity::<N>();
    let mut fresh = true;
    for _ in 0..MOST_STEPS {
        if largest(&slope) <= FLAT || point.iter().any(|x| x.abs() > FAR) || !value.is_finite() {
            break;
        }
        let mut step: [f64; N] = std::array::from_fn(|i| dot(&curvature[i], &slope));
        if dot(&step, &slope) <= 0.0 {
            (curvature, fresh) = (identity(), true);
            step = slope;
        }
        let shorter = (LONGEST / largest(&step)).min(1.0);
        step = step.map(|x| x * shorter);
        let Some((reached, next, next_slope)) = ascend(&point, value, &slope, &step, evaluate) else {
            if fresh {
                break;
            }
            (curvature, fresh) = (identity(), true);
            continue;
        };
        let moved: [f64; N] = std::array::from_fn(|i| reached[i] - point[i]);
        let bent: [f64; N] = std::array::from_fn(|i| slope[i] - next_slope[i]);
        if dot(&moved, &bent) > 0.0 {
            curvature = updated(&curvature, &moved, &bent);
            fresh = false;
        }
        (point, value, slope) = (reached, next, next_slope);
    }
    End { point, value: if value.is_nan() { f64::NEG_INFINITY } else { value }, gradient: largest(&slope) }
}

/// The first of a step, its half, its quarter and so on that leads as much higher as the slope promises (Armijo's rule).
fn ascend<const N: usize>(
    from: &[f64; N],
    value: f64,
    slope: &[f64; N],
    step: &[f64; N],
    evaluate: &mut impl FnMut(&[f64; N]) -> Slope<N>,
) -> Option<([f64; N], f64, [f64; N])> {
    // Near the top, what is gained is below what a float tells apart.
    let rounding = 8.0 * f64::EPSILON * (1.0 + value.abs());
    let mut length = 1.0;
    for _ in 0..40 {
        let point: [f64; N] = std::array::from_fn(|i| from[i] + length * step[i]);
        let (reached, next) = evaluate(&point);
        if reached >= value + 1e-4 * length * dot(slope, step) - rounding
            && next.iter().all(|x| x.is_finite())
        {
            return Some((point, reached, next));
        }
        length /= 2.0;
    }
    None
}

/// The update of Broyden, Fletcher, Goldfarb and Shanno of the inverse.
fn updated<const N: usize>(inverse: &[[f64; N]; N], moved: &[f64; N], bent: &[f64; N]) -> [[f64; N]; N] {
    let along = dot(moved, bent);
    let through: [f64; N] = std::array::from_fn(|i| dot(&inverse[i], bent));
    let length = 1.0 + dot(bent, &through) / along;
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            inverse[i][j]
                + (length * moved[i] * moved[j] - through[i] * moved[j] - moved[i] * through[j]) / along
        })
    })
}

fn identity<const N: usize>() -> [[f64; N]; N] {
    std::array::from_fn(|i| std::array::from_fn(|j| if i == j { 1.0 } else { 0.0 }))
}

fn dot<const N: usize>(left: &[f64; N], right: &[f64; N]) -> f64 {
    left.iter().zip(right).map(|(x, y)| x * y).sum()
}

/// The largest component; infinity where one is no number.
fn largest<const N: usize>(slope: &[f64; N]) -> f64 {
    slope.iter().fold(0.0, |most, x| f64::max(most, if x.is_nan() { f64::INFINITY } else { x.abs() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Highest at (2, 0.5), in a narrow bent valley.
    fn valley([x, y]: &[f64; 2]) -> Slope<2> {
        let (u, v) = (x.ln() - 2.0_f64.ln(), y.ln() + 2.0_f64.ln() - (x.ln() - 2.0_f64.ln()).powi(2));
        let value = -u * u - 50.0 * v * v;
        (value, [(-2.0 * u + 200.0 * v * u) / x, -100.0 * v / y])
    }

    #[test]
    fn the_top_of_a_bent_valley_is_found() {
        let top = maximise(["x", "y"], "", &[[1.0, 1.0], [30.0, 0.1]], valley).unwrap();
        assert!((top.parameters[0] - 2.0).abs() < 1e-7 && (top.parameters[1] - 0.5).abs() < 1e-7);
        assert!(top.gradient <= FLAT);
    }

    #[test]
    fn a_parameter_that_runs_away_is_named() {
        let endless = |[x]: &[f64; 1]| (-1.0 / x.sqrt(), [0.5 / x.powf(1.5)]);
        let problem = maximise(["shape"], "", &[[1.0]], endless).err().unwrap().to_string();
        assert_eq!(problem, "the model did not converge: shape grows without bound");
        let down = |[x]: &[f64; 1]| (-x.sqrt(), [-0.5 / x.sqrt()]);
        let problem = maximise(["shape"], "", &[[1.0]], down).err().unwrap().to_string();
        assert_eq!(problem, "the model did not converge: shape goes to 0");
    }

    #[test]
    fn what_is_no_number_is_no_maximum() {
        let broken = |_: &[f64; 1]| (f64::NAN, [f64::NAN]);
        assert!(maximise(["x"], "", &[[1.0]], broken).is_err());
    }
}
