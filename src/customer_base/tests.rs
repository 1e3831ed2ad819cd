//! The models against their papers, against other ways to compute the same, and for what must hold of any customer.

use super::special::ln_gamma;
use super::*;
use crate::error::Result;
use proptest::prelude::*;
use std::process::Command;

/// The models as published, of CDNOW's customers in weeks.
const PAPER: BgNbd = BgNbd { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
const PAPER_VALUES: GammaGamma = GammaGamma { p: 6.25, q: 3.74, gamma: 15.44 };

fn customer(frequency: u32, recency: f64, age: f64) -> Customer {
    Customer { frequency, recency, age, value: None }
}

fn near(found: f64, wanted: f64, within: f64) {
    assert!((found - wanted).abs() <= within, "{found} is not {wanted}");
}

/// The 2,357 customers of the paper, whose file lies in $PG_SEGMENT_DATA.
fn cdnow() -> Option<Histories> {
    let path = std::path::Path::new(&std::env::var_os("PG_SEGMENT_DATA")?).join("cdnow_sample.csv.gz");
    let unpacked =
        Command::new("gzip").arg("-dc").arg(path).output().ok().filter(|output| output.status.success())?;
    let mut histories = Histories::default();
    for line in String::from_utf8(unpacked.stdout).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let day = chrono::NaiveDate::parse_from_str(fields[2], "%Y-%m-%d").unwrap();
        histories.add(fields[0], chrono::Datelike::num_days_from_ce(&day), fields[4].parse().unwrap());
    }
    Some(histories)
}

fn day(year: i32, month: u32, day: u32) -> i32 {
    chrono::Datelike::num_days_from_ce(&chrono::NaiveDate::from_ymd_opt(year, month, day).unwrap())
}

#[test]
fn cdnow_gives_the_published_models() {
    let Some(histories) = cdnow() else {
        eprintln!("skipped: cdnow_sample.csv.gz is not in $PG_SEGMENT_DATA");
        return;
    };
    let named = histories.customers(day(1997, 9, 30), 7.0);
    let customers: Vec<Customer> = named.iter().map(|(_, customer)| *customer).collect();
    assert_eq!(customers.len(), 2357);
    assert_eq!(customers.iter().map(|customer| customer.frequency).sum::<u32>(), 2457);

    // The published summary of these purchases has times and means to two decimal places, halves rounded up.
    let hundredths = |number: f64| (number * 100.0 + 0.5 + 1e-6).floor() / 100.0;
    let published = |customer: &Customer| Customer {
        recency: hundredths(customer.recency),
        age: hundredths(customer.age),
        value: customer.value.map(hundredths),
        ..*customer
    };
    let published: Vec<Customer> = customers.iter().map(published).collect();
    let fit = BgNbd::fit(&published, &mut || ()).unwrap();
    near(fit.model.r, 0.242_592_91, 6e-8);
    near(fit.model.alpha, 4.413_531_52, 6e-7);
    near(fit.model.a, 0.792_886_08, 6e-7);
    near(fit.model.b, 2.425_753_71, 6e-6);
    near(fit.log_likelihood, -9_582.425_56, 6e-6);
    near(PAPER.log_likelihood(&published), -9_582.426_83, 6e-6);
    let model = fit.model;
    // Whole days of the purchases themselves: the paper's figures still.
    let fit = BgNbd::fit(&customers, &mut || ()).unwrap();
    near(fit.model.r, PAPER.r, 5e-4);
    near(fit.model.alpha, PAPER.alpha, 5e-4);
    near(fit.model.a, PAPER.a, 5e-4);
    near(fit.model.b, PAPER.b, 5e-4);
    near(fit.log_likelihood, -9_582.4, 5e-2);

    let values = GammaGamma::fit(&published, &mut || ()).unwrap();
    near(values.model.p, 6.248_80, 6e-6);
    near(values.model.q, 3.744_59, 6e-6);
    near(values.model.gamma, 15.447_75, 6e-5);
    near(values.log_likelihood, -4_055.923_24, 6e-6);
    near(PAPER_VALUES.log_likelihood(&published), -4_055.924_71, 6e-6);
    near(correlation(&published).unwrap(), 0.113_9, 5e-5);
    let repeaters: Vec<&Customer> = published.iter().filter(|customer| customer.frequency > 0).collect();
    assert_eq!(repeaters.len(), 946);
    near(repeaters.iter().filter_map(|customer| customer.value).sum::<f64>() / 946.0, 35.078_6, 5e-5);
    near(values.model.expected_value(&customer(0, 0.0, 1.0)), 35.171_0, 5e-5);
    let expected: Vec<f64> =
        repeaters[..3].iter().map(|customer| values.model.expected_value(customer)).collect();
    near(expected[0], 24.658_6, 5e-5);
    near(expected[1], 18.911_5, 5e-5);
    near(expected[2], 71.462_9, 5e-5);

    // The next 39 weeks: the model expects fewer purchases than came, and still does better than everybody's own rate.
    let later = histories.customers(day(1998, 6, 30), 7.0);
    let mut forecaster = Forecaster::new(model, None, 39.0, 0.0, 7.0);
    let rows: Vec<_> = published
        .iter()
        .zip(&later)
        .map(|(customer, (_, later))| {
            let actual = f64::from(later.frequency - customer.frequency);
            let rate = if customer.age > 0.0 { f64::from(customer.frequency) / customer.age } else { 0.0 };
            (forecaster.of(customer).purchases, actual, rate * 39.0)
        })
        .collect();
    let judgement = Judgement::of(&rows);
    near(judgement.predicted, 1_653.42, 5e-3);
    near(judgement.actual, 1_882.0, 0.0);
    assert!(judgement.error < judgement.error_of_rate, "{judgement:?}");
    assert!(judgement.correlation.unwrap() > 0.6, "{judgement:?}");
}

#[test]
fn the_papers_example_has_its_published_figures() {
    let example = customer(2, 30.43, 38.86);
    near(PAPER.p_alive(&example), 0.726_579, 5e-7);
    near(PAPER.p_alive(&example) * PAPER.expected_if_alive(2, 38.86, 39.0), 1.226_028, 5e-7);
    near(PAPER.expected_if_alive(0, 0.0, 39.0), 1.196_723, 5e-7);
    near(PAPER.expected_if_alive(0, 0.0, 52.0), 1.446_051, 5e-7);
    near(PAPER_VALUES.expected_value(&customer(0, 0.0, 1.0)), 6.25 * 15.44 / 2.74, 1e-12);
}

/// The same expectation as the integral over p that it is, by the tanh-sinh rule.
fn integral(model: BgNbd, frequency: u32, age: f64, time: f64) -> f64 {
    let (a, b) = (model.a, model.b + f64::from(frequency));
    let (shape, observed) = (model.r + f64::from(frequency), model.alpha + age);
    let ln_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let step = 1.0 / 128.0;
    let mut sum = 0.0;
    for i in -1_100..=1_100 {
        let u = f64::from(i) * step;
        let slope = std::f64::consts::PI * u.sinh();
        // ln p and ln (1 - p) of p = 1 / (1 + exp(-slope)).
        let (ln_p, ln_q) = (-(-slope).exp().ln_1p(), -slope.exp().ln_1p());
        let p = ln_p.exp();
        let grown = if p > 1e-280 {
            -(-shape * (p * time / observed).ln_1p()).exp_m1() / p
        } else {
            shape * time / observed
        };
        let weight = (a * ln_p + b * ln_q - ln_beta).exp() * std::f64::consts::PI * u.cosh();
        if weight > 0.0 {
            sum += weight * grown * step;
        }
    }
    sum
}

fn any_model() -> impl Strategy<Value = BgNbd> {
    let shape = || prop_oneof![0.1..6.0_f64, Just(1.0)];
    (0.05..6.0_f64, 0.1..60.0_f64, shape(), shape()).prop_map(|(r, alpha, a, b)| BgNbd { r, alpha, a, b })
}

/// Frequency, recency and age of a customer that can be.
fn any_customer() -> impl Strategy<Value = Customer> {
    (0..200_u32, 0.0..1.0_f64, 0.0..300.0_f64).prop_map(|(frequency, part, age)| {
        customer(frequency, if frequency == 0 { 0.0 } else { part * age }, age)
    })
}

proptest! {
    #[test]
    fn expected_purchases_are_the_integral(model in any_model(), who in any_customer(), time in 0.01..500.0_f64) {
        let found = model.expected_if_alive(who.frequency, who.age, time);
        let wanted = integral(model, who.frequency, who.age, time);
        prop_assert!((found - wanted).abs() <= 1e-9 * (1.0 + wanted), "{found} {wanted}");
    }

    #[test]
    fn being_alive_is_a_probability_that_falls_with_silence(
        model in any_model(), who in any_customer(), more in 0.0..50.0_f64,
    ) {
        let now = model.p_alive(&who);
        prop_assert!((0.0..=1.0).contains(&now));
        let silent = Customer { age: who.age + more, ..who };
        prop_assert!(model.p_alive(&silent) <= now);
        let lately = Customer { recency: f64::min(who.recency + more, who.age), ..who };
        prop_assert!(model.p_alive(&lately) >= now);
    }

    #[test]
    fn expected_purchases_grow_with_time(model in any_model(), who in any_customer(), time in 0.01..500.0_f64) {
        let expected = |time| model.expected_if_alive(who.frequency, who.age, time);
        prop_assert!(expected(0.0).abs() < 1e-12);
        prop_assert!(expected(time) >= 0.0 && expected(time * 1.5) >= expected(time));
        let rate = (model.r + f64::from(who.frequency)) / (model.alpha + who.age);
        prop_assert!(expected(time) <= rate * time * (1.0 + 1e-9));
    }

    #[test]
    fn a_value_lies_between_ones_own_and_everybodys(mean in 0.01..1e6_f64, frequency in 1..500_u32) {
        let own = Customer { value: Some(mean), ..customer(frequency, 1.0, 2.0) };
        let (all, found) = (PAPER_VALUES.expected_value(&customer(0, 0.0, 2.0)), PAPER_VALUES.expected_value(&own));
        prop_assert!(found >= f64::min(all, mean) * (1.0 - 1e-9) && found <= f64::max(all, mean) * (1.0 + 1e-9));
    }

    #[test]
    fn discounting_takes_from_a_value(who in any_customer(), horizon in 0.1..200.0_f64, discount in 0.0..1.0_f64) {
        let of = |discount| Forecaster::new(PAPER, Some(PAPER_VALUES), horizon, discount, 7.0).of(&who);
        let (full, less) = (of(0.0), of(discount));
        prop_assert_eq!(full.purchases.to_bits(), less.purchases.to_bits());
        let (full, less) = (full.lifetime_value.unwrap(), less.lifetime_value.unwrap());
        prop_assert!(less <= full * (1.0 + 1e-9));
        let all_at_the_end = full * (1.0 + discount).powf(-(horizon + 1.0) * 7.0 / 365.25);
        prop_assert!(less >= all_at_the_end * (1.0 - 1e-9), "{less} {all_at_the_end}");
    }
}

/// Customers who do as a model says, for a time, by fixed draws.
fn simulated(model: BgNbd, count: usize, time: f64) -> Vec<Customer> {
    use rand_xoshiro::Xoshiro256Plus;
    use rand_xoshiro::rand_core::{RngCore, SeedableRng};
    let mut generator = Xoshiro256Plus::seed_from_u64(7);
    let mut uniform = move || ((generator.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    // By Jöhnk's and Ahrens' rejection where shapes are below 1, by sums of exponentials above.
    fn gamma(shape: f64, uniform: &mut impl FnMut() -> f64) -> f64 {
        let whole: f64 = (0..shape as usize).map(|_| -uniform().ln()).sum();
        let part = shape.fract();
        if part == 0.0 {
            return whole;
        }
        let e = std::f64::consts::E;
        loop {
            let (u, v) = (uniform() * (e + part) / e, uniform());
            let x = if u <= 1.0 { u.powf(1.0 / part) } else { -((((e + part) / e) - u) / part).ln() };
            if v <= if u <= 1.0 { (-x).exp() } else { x.powf(part - 1.0) } {
                return whole + x;
            }
        }
    }
    (0..count)
        .map(|_| {
            let rate = gamma(model.r, &mut uniform) / model.alpha;
            let (stop, stay) = (gamma(model.a, &mut uniform), gamma(model.b, &mut uniform));
            let mut known = customer(0, 0.0, time * (0.7 + 0.3 * uniform()));
            let mut at = -uniform().ln() / rate;
            while at < known.age {
                (known.frequency, known.recency) = (known.frequency + 1, at);
                if uniform() < stop / (stop + stay) {
                    break;
                }
                at += -uniform().ln() / rate;
            }
            known
        })
        .collect()
}

#[test]
fn the_model_of_simulated_customers_is_found_again() {
    let truth = BgNbd { r: 0.8, alpha: 6.0, a: 1.2, b: 3.0 };
    let customers = simulated(truth, 40_000, 60.0);
    let mut ticks = 0;
    let fit = BgNbd::fit(&customers, &mut || ticks += 1).unwrap();
    assert!(ticks >= fit.evaluations);
    for (found, wanted) in
        [(fit.model.r, 0.8), (fit.model.alpha, 6.0), (fit.model.a, 1.2), (fit.model.b, 3.0)]
    {
        near(found / wanted, 1.0, 0.12);
    }
    assert!(fit.log_likelihood >= truth.log_likelihood(&customers));
    // At the top it is flat in each direction, and lower at either side.
    let moved: [fn(BgNbd, f64) -> BgNbd; 4] = [
        |model, by| BgNbd { r: model.r * by, ..model },
        |model, by| BgNbd { alpha: model.alpha * by, ..model },
        |model, by| BgNbd { a: model.a * by, ..model },
        |model, by| BgNbd { b: model.b * by, ..model },
    ];
    for change in moved {
        let beside = |by: f64| change(fit.model, by).log_likelihood(&customers);
        near((beside(1.0 + 1e-5) - beside(1.0 - 1e-5)) / 2e-5, 0.0, 1e-2);
        assert!(beside(1.01) < fit.log_likelihood && beside(0.99) < fit.log_likelihood);
    }
}

#[test]
fn the_unit_of_time_changes_nothing_but_alpha() {
    let weeks = simulated(PAPER, 3_000, 39.0);
    let days: Vec<Customer> =
        weeks.iter().map(|week| customer(week.frequency, week.recency * 7.0, week.age * 7.0)).collect();
    let fit = |customers: &[Customer]| BgNbd::fit(customers, &mut || ()).unwrap().model;
    let (by_week, by_day) = (fit(&weeks), fit(&days));
    near(by_day.alpha / by_week.alpha, 7.0, 1e-5);
    near(by_day.r / by_week.r, 1.0, 1e-6);
    near(by_day.b / by_week.b, 1.0, 1e-5);
}

fn problem<M>(fit: Result<Fit<M>>) -> String {
    fit.err().map_or_else(|| "no error".to_owned(), |error| error.to_string())
}

#[test]
fn too_little_and_what_determines_nothing_are_refused() {
    let few = vec![customer(1, 3.0, 10.0); 29];
    assert_eq!(
        problem(BgNbd::fit(&few, &mut || ())),
        "there are 29 customers, 29 of whom bought on more than one day; the model needs 100 and 30"
    );
    assert_eq!(
        problem(GammaGamma::fit(&few, &mut || ())),
        "there are 0 customers with repeat purchases of positive value; the model of values needs 30"
    );
    let alike = vec![customer(4, 9.5, 10.0); 500];
    assert!(problem(BgNbd::fit(&alike, &mut || ())).starts_with("the model did not converge: "));
    let same = vec![Customer { value: Some(20.0), ..customer(4, 9.5, 10.0) }; 500];
    assert!(problem(GammaGamma::fit(&same, &mut || ())).starts_with("the model did not converge: "));
}
