//! Special functions of a positive number.

/// ln Γ(x).
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// ψ(x), the derivative of ln Γ: by the recurrence up to 10, and there by the asymptotic series (Abramowitz and Stegun
/// 6.3.5 and 6.3.18), whose first term left out is below 1e-15.
pub fn digamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 10.0 {
        below += 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y
        * (1.0 / 12.0
            - y * (1.0 / 120.0
                - y * (1.0 / 252.0
                    - y * (1.0 / 240.0
                        - y * (1.0 / 132.0
                            - y * (691.0 / 32760.0 - y * (1.0 / 12.0 - y * 3617.0 / 8160.0)))))));
    x.ln() - 0.5 / x - series - below
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digamma_has_its_known_values() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + EULER).abs() < 1e-14);
        assert!((digamma(0.5) + EULER + 2.0 * std::f64::consts::LN_2).abs() < 1e-14);
        assert!((digamma(100.0) - 4.600_161_852_738_087).abs() < 1e-13);
    }

    proptest! {
        #[test]
        fn digamma_is_the_derivative_of_ln_gamma(x in 0.01..200.0_f64) {
            let step = 1e-4 * x;
            let slope = (ln_gamma(x + step) - ln_gamma(x - step)) / (2.0 * step);
            prop_assert!((digamma(x) - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{} {slope}", digamma(x));
        }
    }
}
