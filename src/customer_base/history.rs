//! Purchases, brought down to what the models need to know of a customer.

use std::collections::HashMap;

/// What is known of a customer. Times are in the model's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Customer {
    /// Days with purchases after the first such day.
    pub frequency: u32,
    /// From the first to the last purchase.
    pub recency: f64,
    /// From the first purchase to the end of the observation.
    pub age: f64,
    /// Mean value of the days with purchases after the first; `None` where there are none.
    pub value: Option<f64>,
}

/// Purchases as they are read, in any order.
#[derive(Default)]
pub struct Histories {
    numbers: HashMap<String, u32>,
    names: usize,
    /// Number of the customer, day, value.
    purchases: Vec<(u32, i32, f64)>,
}

impl Histories {
    /// Adds a purchase on a day, counted from any fixed one.
    pub fn add(&mut self, subscriber: &str, day: i32, value: f64) {
        let number = match self.numbers.get(subscriber) {
            Some(number) => *number,
            None => {
                let number = self.numbers.len() as u32;
                self.names += subscriber.len();
                self.numbers.insert(subscriber.to_owned(), number);
                number
            }
        };
        self.purchases.push((number, day, value));
    }

    /// What this takes in memory, about: vectors and tables double as they grow.
    pub fn bytes(&self) -> usize {
        2 * size_of_val(self.purchases.as_slice()) + 80 * self.numbers.len() + self.names
    }

    /// The customers by name, observed until a day; of later purchases nothing is known. The unit of time is so many days.
    pub fn customers(&self, until: i32, unit_days: f64) -> Vec<(&str, Customer)> {
        let mut purchases: Vec<_> =
            self.purchases.iter().filter(|(_, day, _)| *day <= until).copied().collect();
        purchases.sort_unstable_by(|left, right| {
            (left.0, left.1).cmp(&(right.0, right.1)).then(left.2.total_cmp(&right.2))
        });
        let mut names = vec![""; self.numbers.len()];
        self.numbers.iter().for_each(|(name, number)| names[*number as usize] = name);
        let groups = purchases.chunk_by(|left, right| left.0 == right.0);
        let mut customers: Vec<_> =
            groups.map(|all| (names[all[0].0 as usize], customer(all, until, unit_days))).collect();
        customers.sort_unstable_by_key(|(name, _)| *name);
        customers
    }
}

/// Of one customer's purchases, by day.
fn customer(purchases: &[(u32, i32, f64)], until: i32, unit_days: f64) -> Customer {
    let (first, last) = (purchases[0].1, purchases[purchases.len() - 1].1);
    let time = |from: i32, to: i32| f64::from(to - from) / unit_days;
    let days = purchases.chunk_by(|left, right| left.1 == right.1).count() as u32;
    let frequency = days - 1;
    let repeated: f64 = purchases.iter().filter(|(_, day, _)| *day > first).map(|(_, _, value)| value).sum();
    Customer {
        frequency,
        recency: time(first, last),
        age: time(first, until),
        value: (frequency > 0).then(|| repeated / f64::from(frequency)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purchases_of_one_day_count_once_and_the_first_day_is_no_repeat() {
        let mut histories = Histories::default();
        for (name, day, value) in
            [("b", 30, 5.0), ("a", 17, 8.0), ("a", 10, 99.0), ("a", 17, 2.0), ("a", 24, 20.0), ("a", 41, 7.0)]
        {
            histories.add(name, day, value);
        }
        let a = Customer { frequency: 2, recency: 2.0, age: 4.0, value: Some(15.0) };
        let b = Customer { frequency: 0, recency: 0.0, age: 8.0 / 7.0, value: None };
        assert_eq!(histories.customers(38, 7.0), [("a", a), ("b", b)]);
        assert_eq!(histories.customers(9, 7.0), []);
    }
}
