//! Which word of the language is meant by one that is not of it.

use crate::error::nearest;

/// What other languages for conditions call the same.
const ELSEWHERE: [(&str, &str); 26] = [
    ("and", "all"),
    ("or", "any"),
    ("nor", "none"),
    ("=", "equals"),
    ("==", "equals"),
    ("eq", "equals"),
    ("is", "equals"),
    ("exact", "equals"),
    ("!=", "not_equals"),
    ("ne", "not_equals"),
    ("neq", "not_equals"),
    ("is_not", "not_equals"),
    ("nin", "not_in"),
    (">=", "min"),
    ("ge", "min"),
    ("gte", "min"),
    ("<=", "max"),
    ("le", "max"),
    ("lte", "max"),
    (">", "gt"),
    ("<", "lt"),
    ("like", "matches"),
    ("regex", "matches"),
    ("icontains", "contains"),
    ("is_set", "exists"),
    ("elemmatch", "any_element"),
];

/// The beginning of a hint that names the known word that is meant: what another language calls so, or what is written almost like
/// it. Empty where there is none.
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    let plain = word.trim_start_matches('$').to_ascii_lowercase();
    let others = || ELSEWHERE.iter().filter(|(_, ours)| known.contains(ours));
    let translated =
        |word: &str| others().find(|(theirs, _)| *theirs == word).map(|(_, ours)| (*ours).to_owned());
    let slip = || {
        // Almost anything is almost like a short word.
        let long = others().map(|(theirs, _)| *theirs).filter(|theirs| theirs.len() > 4);
        let near = nearest(&plain, known.iter().copied().chain(long))?;
        Some(translated(&near).unwrap_or(near))
    };
    let meant = translated(&plain).or_else(slip);
    meant.map_or_else(String::new, |meant| format!("Did you mean \"{meant}\"? "))
}
