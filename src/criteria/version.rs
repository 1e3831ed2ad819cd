//! Versions in the order of Semantic Versioning 2.0.0, section 11.

use std::cmp::Ordering;

/// A version as it is written, in parts.
#[derive(Clone, Copy, Debug)]
pub struct Version<'t> {
    /// Major, minor and patch, without leading zeros.
    core: [&'t str; 3],
    /// The identifiers after the hyphen; empty for a release.
    pre_release: &'t str,
}

impl<'t> Version<'t> {
    /// Reads `1.2.3`, `1.2.3-rc.1+build` or, more freely than the standard, `v1.2` and `1`: a `v` may lead, and
    /// a minor or patch number that is absent is 0. `None` for anything else.
    pub fn parse(text: &'t str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (numbers, pre_release) =
            text.split_once('-').map_or((text, None), |(text, pre_release)| (text, Some(pre_release)));
        let mut core = ["0"; 3];
        let mut given = numbers.split('.');
        for (index, slot) in core.iter_mut().enumerate() {
            match given.next() {
                Some(number) if is_number(number) => *slot = number,
                None if index > 0 => break,
                _ => return None,
            }
        }
        let identifiers = |text: Option<&str>| text.is_none_or(|text| text.split('.').all(is_identifier));
        // An identifier of a pre-release that is a number has no leading zeros; one of a build may.
        let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let ordered =
            pre_release.is_none_or(|text| text.split('.').all(|part| !numeric(part) || is_number(part)));
        (given.next().is_none() && identifiers(build) && identifiers(pre_release) && ordered)
            .then(|| Version { core, pre_release: pre_release.unwrap_or_default() })
    }

    /// Precedence; what comes after a `+` has none.
    pub fn compare(self, other: Version) -> Ordering {
        let core = self.core.iter().zip(other.core).map(|(a, b)| compare_numbers(a, b));
        core.fold(Ordering::Equal, Ordering::then).then_with(|| {
            match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
                (true, true) => Ordering::Equal,
                // A release comes after its pre-releases.
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_identifiers(self.pre_release, other.pre_release),
            }
        })
    }
}

impl std::fmt::Display for Version<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.core;
        write!(formatter, "{major}.{minor}.{patch}")?;
        if self.pre_release.is_empty() { Ok(()) } else { write!(formatter, "-{}", self.pre_release) }
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// Numbers of any length, without leading zeros.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Identifier by identifier: numbers by value and before words, words by their bytes, fewer before more.
fn compare_identifiers(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => compare_numbers(a, b),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version<'_> {
        Version::parse(text).unwrap_or_else(|| panic!("{text} is a version"))
    }

    /// The example of section 11.4, and numbers beyond any integer type.
    #[test]
    fn precedence_is_that_of_the_standard() {
        let ascending = [
            "0.0.4",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1-0",
            "1.0.1-0.0",
            "1.0.1--",
            "1.0.1-A",
            "1.0.1",
            "1.9.0",
            "1.10.0",
            "1.99999999999999999999.0",
            "1.100000000000000000000.0",
            "10.0.0",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(version(a).compare(version(b)), i.cmp(&j), "{a} and {b}");
            }
        }
    }

    #[test]
    fn builds_and_short_forms_have_the_precedence_of_the_full_one() {
        for text in ["1.2.0", "v1.2.0", "V1.2", "1.2.0+build.007", "1.2+a-b"] {
            assert_eq!(version(text).compare(version("1.2.0")), Ordering::Equal, "{text}");
            assert_eq!(version(text).to_string(), "1.2.0");
        }
        assert_eq!(version("1-rc.1").to_string(), "1.0.0-rc.1");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            "v",
            "x",
            "1.2.3.4",
            "1..3",
            "01.2.3",
            "1.2.03",
            "1.2.3-",
            "1.2.3-a..b",
            "1.2.3-01",
            "1.2.3+",
            "1.2.3+a..b",
            "1.2.3-é",
            " 1.2.3",
            "1.2.3 ",
            "-1.2.3",
            "1.2.x",
            "vv1.2.3",
            "1.2.3-a_b",
        ] {
            assert!(Version::parse(text).is_none(), "{text:?}");
        }
    }
}
