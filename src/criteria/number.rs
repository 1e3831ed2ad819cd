//! Exact decimal numbers, in the base that PostgreSQL's `numeric` uses.
//!
//! The criteria language compares numbers exactly: 20-digit integers, `1e-400` and `1.0 = 1` included.
//! Only what comparing needs is here; nothing adds or multiplies decimals.

use std::cmp::Ordering;
use std::fmt;

const BASE: i64 = 10_000;
const BASE_DIGITS: i64 = 4;

/// `±Σ digits[i] * 10000^(weight - i)`; no leading and no trailing zero digit, and zero has no digits,
/// so that equal numbers are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    negative: bool,
    weight: i64,
    digits: Vec<u16>,
}

impl Decimal {
    /// From base-10000 digits, most significant first, the first one weighing `10000^weight`.
    pub fn from_base_10000(negative: bool, weight: i64, digits: impl IntoIterator<Item = u16>) -> Self {
        let mut number = Decimal { negative, weight, digits: digits.into_iter().collect() };
        number.trim();
        number
    }

    /// How the number of such digits compares with this one, without making it.
    pub fn order_of_base_10000(
        &self,
        negative: bool,
        weight: i64,
        digits: impl Iterator<Item = u16> + Clone,
    ) -> Ordering {
        let zeros = digits.clone().take_while(|digit| *digit == 0).count();
        let (weight, mut digits) = (weight - zeros as i64, digits.skip(zeros).peekable());
        let sign = |zero: bool, negative: bool| if zero { 0 } else { 1 - 2 * i32::from(negative) };
        let signs = (sign(digits.peek().is_none(), negative), sign(self.digits.is_empty(), self.negative));
        if signs.0 != signs.1 || signs.0 == 0 {
            return signs.0.cmp(&signs.1);
        }
        let magnitude = weight.cmp(&self.weight).then_with(|| {
            let same = self.digits.iter().map(|known| digits.next().unwrap_or(0).cmp(known));
            let order = same.fold(Ordering::Equal, Ordering::then);
            order.then_with(|| digits.any(|digit| digit != 0).cmp(&false))
        });
        if negative { magnitude.reverse() } else { magnitude }
    }

    /// `units / 10^scale`.
    pub fn from_scaled(units: i128, scale: u32) -> Self {
        let text = units.unsigned_abs().to_string();
        Self::from_digits(units < 0, &text, -i64::from(scale))
    }

    /// Reads `-12`, `+0.5`, `.5` or `1e-400`: a sign, digits with at most one point, an exponent. `None` for
    /// anything else, surrounding blanks included.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
            return None;
        }
        let digits = [whole, fraction].concat();
        Some(Self::from_digits(negative, &digits, exponent - fraction.len() as i64))
    }

    /// The shortest decimal that names the float; `None` for NaN and the infinities.
    pub fn from_f64(value: f64) -> Option<Self> {
        if value.is_finite() { Self::parse(&format!("{value:e}")) } else { None }
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The number times `10^scale`, halves rounded away from zero as `numeric` rounds them; `None` when it
    /// does not fit.
    pub fn to_scaled(&self, scale: u32) -> Option<i128> {
        let mut units: i128 = 0;
        // One decimal digit beyond the scale decides the rounding.
        let lowest = -i64::from(scale) - 1;
        let highest = (self.weight + 1) * BASE_DIGITS;
        if self.digits.is_empty() || highest < lowest {
            return Some(0);
        }
        if highest > 40 {
            return None;
        }
        for exponent in (lowest..highest).rev() {
            units = units.checked_mul(10)?.checked_add(i128::from(self.decimal_digit(exponent)))?;
        }
        let rounded = (units + 5) / 10;
        Some(if self.negative { -rounded } else { rounded })
    }

    /// The greatest whole number of units of `10^-scale` that is not above the number, and whether it is the number;
    /// numbers beyond `i128` by half become the farthest that leave room for a step.
    pub fn floor_scaled(&self, scale: u32) -> (i128, bool) {
        const FAR: i128 = i128::MAX / 2;
        let highest = (self.weight + 1) * BASE_DIGITS;
        let lowest = highest - self.digits.len() as i64 * BASE_DIGITS;
        let beyond = (if self.negative { -FAR } else { FAR }, false);
        if !self.digits.is_empty() && highest + i64::from(scale) > 41 {
            return beyond;
        }
        let mut units: i128 = 0;
        for exponent in (-i64::from(scale)..highest).rev() {
            let next = units
                .checked_mul(10)
                .and_then(|units| units.checked_add(self.decimal_digit(exponent).into()));
            match next.filter(|next| *next < FAR) {
                Some(next) => units = next,
                None => return beyond,
            }
        }
        // The last group of digits is not zero, whatever of it lies below the unit.
        let exact = lowest + BASE_DIGITS > -i64::from(scale)
            && (lowest..-i64::from(scale)).all(|exponent| self.decimal_digit(exponent) == 0);
        match (self.negative, exact) {
            (false, _) => (units, exact),
            (true, true) => (-units, true),
            (true, false) => (-units - 1, false),
        }
    }

    /// Whether PostgreSQL's `numeric` can be this number: at most 131,072 digits before the point and 16,383 after it.
    pub fn is_numeric(&self) -> bool {
        let lowest = (self.weight + 1 - self.digits.len() as i64) * BASE_DIGITS;
        self.weight <= i16::MAX.into() && (lowest..-16_383).all(|exponent| self.decimal_digit(exponent) == 0)
    }

    /// The decimal digit that weighs `10^exponent`.
    fn decimal_digit(&self, exponent: i64) -> u8 {
        let index = self.weight - exponent.div_euclid(BASE_DIGITS);
        let digit =
            usize::try_from(index).ok().and_then(|index| self.digits.get(index)).copied().unwrap_or(0);
        let power = 10_u16.pow(exponent.rem_euclid(BASE_DIGITS) as u32);
        (digit / power % 10) as u8
    }

    /// From decimal digits, the last one weighing `10^exponent`.
    fn from_digits(negative: bool, digits: &str, exponent: i64) -> Self {
        // Pad on the right so that the last group of four ends on a power of the base.
        let padding = exponent.rem_euclid(BASE_DIGITS) as usize;
        let lowest = (exponent - padding as i64) / BASE_DIGITS;
        let padded: Vec<u8> = digits.bytes().chain(std::iter::repeat_n(b'0', padding)).collect();
        let groups: Vec<u16> = padded
            .rchunks(BASE_DIGITS as usize)
            .rev()
            .map(|group| group.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0')))
            .collect();
        let weight = lowest + groups.len() as i64 - 1;
        Self::from_base_10000(negative, weight, groups)
    }

    /// How many decimal digits after the point it needs.
    pub fn scale(&self) -> u64 {
        let lowest = (self.weight + 1 - self.digits.len() as i64) * BASE_DIGITS;
        // The last digit of the base is not 0.
        let needed = (lowest..0).find(|exponent| self.decimal_digit(*exponent) != 0);
        needed.map_or(0, i64::unsigned_abs)
    }

    /// Sign, weight and digits, for writing the number in PostgreSQL's own format.
    pub fn parts(&self) -> (bool, i64, &[u16]) {
        (self.negative, self.weight, &self.digits)
    }

    fn trim(&mut self) {
        let leading = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..leading);
        self.weight -= leading as i64;
        while self.digits.last() == Some(&0) {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.negative = false;
            self.weight = 0;
        }
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        self.weight.cmp(&other.weight).then_with(|| self.digits.cmp(&other.digits))
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let exponent: i64 = text.parse().ok()?;
    (exponent.abs() < i64::from(i32::MAX)).then_some(exponent)
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::from_scaled(i128::from(value), 0)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if other.negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (false, true) => {
                if self.negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, false) => match (self.negative, other.negative) {
                (false, false) => self.compare_magnitude(other),
                (true, true) => other.compare_magnitude(self),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
            },
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    /// Plain notation up to 40 digits on either side of the point, exponent notation beyond.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return formatter.write_str("0");
        }
        let sign = if self.negative { "-" } else { "" };
        let highest = (self.weight + 1) * BASE_DIGITS;
        let lowest = (self.weight + 1 - self.digits.len() as i64) * BASE_DIGITS;
        let digits = |range: std::ops::Range<i64>| -> String {
            range.rev().map(|exponent| char::from(b'0' + self.decimal_digit(exponent))).collect()
        };
        if highest > 40 || lowest < -40 {
            let all = digits(lowest..highest);
            let significant = all.trim_start_matches('0');
            let exponent = lowest + (all.trim_end_matches('0').len() as i64 - all.len() as i64).abs();
            return write!(formatter, "{sign}{}e{exponent}", significant.trim_end_matches('0'));
        }
        let whole = digits(0..highest.max(1));
        let whole = whole.trim_start_matches('0');
        let fraction = digits(lowest.min(0)..0);
        let fraction = fraction.trim_end_matches('0');
        write!(formatter, "{sign}{}", if whole.is_empty() { "0" } else { whole })?;
        if fraction.is_empty() { Ok(()) } else { write!(formatter, ".{fraction}") }
    }
}

/// The sum of base-10000 digits must fit the type that PostgreSQL stores them in.
const _: () = assert!(BASE < u16::MAX as i64);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn reads_what_json_and_people_write() {
        assert_eq!(number("1"), number("1.0"));
        assert_eq!(number("1e3"), number("1000"));
        assert_eq!(number("+.5"), number("0.50"));
        assert_eq!(number("-0"), number("0"));
        for text in ["", "-", ".", "1e", "1 ", " 1", "0x10", "NaN", "1.2.3", "1e99999999999999999999", "--1"]
        {
            assert_eq!(Decimal::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn compares_what_floats_cannot() {
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert!(number("12345678901234567890.1") > number("12345678901234567890"));
        assert!(number("1e-400") > number("0"));
        assert!(number("1e400") > number("1e399"));
        assert!(number("-1e400") < number("-1e399"));
        assert!(number("-0.1") < number("0"));
    }

    #[test]
    fn rounds_to_a_scale_half_away_from_zero() {
        assert_eq!(number("1.0000005").to_scaled(6), Some(1_000_001));
        assert_eq!(number("-1.0000005").to_scaled(6), Some(-1_000_001));
        assert_eq!(number("0.00000049").to_scaled(6), Some(0));
        assert_eq!(number("1e30").to_scaled(6), Some(10_i128.pow(36)));
        assert_eq!(number("1e60").to_scaled(6), None);
        assert_eq!(number("1e-400").to_scaled(6), Some(0));
    }

    #[test]
    fn what_numeric_cannot_be_is_known() {
        for text in ["0", "1e131071", "-9.9e131071", "1e-16383", "1.5e-16382"] {
            assert!(number(text).is_numeric(), "{text}");
        }
        for text in ["1e131072", "-1e131072", "1e-16384", "1.5e-16383", "1e2147483646", "1e-2147483646"] {
            assert!(!number(text).is_numeric(), "{text}");
        }
    }

    #[test]
    fn prints_plainly() {
        for text in ["0", "1", "-1.5", "0.0001", "12345678901234567890", "500.25", "1000000"] {
            assert_eq!(number(text).to_string(), text);
        }
        assert_eq!(number("1e-400").to_string(), "1e-400");
        assert_eq!(number("-2.5e400").to_string(), "-25e399");
    }

    proptest! {
        #[test]
        fn agrees_with_integers(a: i64, b: i64) {
            prop_assert_eq!(Decimal::from(a).cmp(&Decimal::from(b)), a.cmp(&b));
            prop_assert_eq!(Decimal::from(a).to_string(), a.to_string());
            prop_assert_eq!(Decimal::from(a).to_scaled(6), Some(i128::from(a) * 1_000_000));
        }

        #[test]
        fn scaled_round_trips(units in -(10_i128.pow(30))..10_i128.pow(30), scale in 0_u32..12) {
            prop_assert_eq!(Decimal::from_scaled(units, scale).to_scaled(scale), Some(units));
        }

        #[test]
        fn printed_numbers_read_back(text in "-?[0-9]{1,30}(\\.[0-9]{1,30})?(e-?[0-9]{1,3})?") {
            let value = number(&text);
            prop_assert_eq!(number(&value.to_string()), value);
        }

        #[test]
        fn order_agrees_with_floats(a in -1e12_f64..1e12, b in -1e12_f64..1e12) {
            let (x, y) = (Decimal::from_f64(a).unwrap(), Decimal::from_f64(b).unwrap());
            prop_assert_eq!(x.cmp(&y), a.partial_cmp(&b).unwrap());
        }
    }
}
