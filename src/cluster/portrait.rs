//! What sets a cluster apart, in words: by how many standard deviations its mean is off that of all rows, so that the
//! column with the largest numbers has no say by being large.

/// Below so many standard deviations, nothing is said to be high or low.
const NOTABLE: f64 = 0.5;

/// Columns that a name mentions, unless two clusters would share it.
const MENTIONED: usize = 2;

/// A name per cluster, all different, such as "high spend, low recency": its notable columns, the farthest off first.
/// The scores of a cluster lie one after the other, by column.
pub fn names(columns: &[String], z_scores: &[f64]) -> Vec<String> {
    let clusters: Vec<&[f64]> = z_scores.chunks_exact(columns.len()).collect();
    let mut names = Vec::new();
    for mentioned in MENTIONED..=columns.len().max(MENTIONED) {
        names = clusters.iter().map(|scores| name(columns, scores, mentioned)).collect();
        if (1..names.len()).all(|place| !names[..place].contains(&names[place])) {
            return names;
        }
    }
    let numbered = names.iter().enumerate().map(|(place, name)| {
        let alone = names.iter().filter(|other| *other == name).count() == 1;
        if alone { name.clone() } else { format!("{name} ({})", place + 1) }
    });
    numbered.collect()
}

fn name(columns: &[String], z_scores: &[f64], mentioned: usize) -> String {
    let mut notable: Vec<(&String, f64)> = columns.iter().zip(z_scores.iter().copied()).collect();
    notable.retain(|(_, score)| score.abs() >= NOTABLE);
    notable.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let words = notable.iter().take(mentioned);
    let words: Vec<String> = words
        .map(|(column, score)| format!("{} {column}", if *score > 0.0 { "high" } else { "low" }))
        .collect();
    if words.is_empty() { "average".to_owned() } else { words.join(", ") }
}

/// A column of a cluster in a sentence, with its mean and that of all rows.
pub fn in_words(column: &str, mean: f64, of_all: f64, z_score: f64) -> String {
    let side = if z_score > 0.0 { "above" } else { "below" };
    let place = match z_score.abs() {
        small if small < 0.25 => "about average".to_owned(),
        some if some < 1.0 => format!("somewhat {side} average"),
        more if more < 2.0 => format!("well {side} average"),
        _ => format!("far {side} average"),
    };
    format!("{column} is {place}: {} on average, {} among all", short(mean), short(of_all))
}

/// A number with four significant digits, or all of those before the point.
fn short(number: f64) -> String {
    let magnitude = if number == 0.0 { 0.0 } else { number.abs().log10().floor() };
    let decimals = (3.0 - magnitude).clamp(0.0, 12.0) as usize;
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<String> {
        ["spend", "visits", "recency"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_name_mentions_what_is_farthest_off() {
        let names = names(&columns(), &[0.6, -1.4, 0.4, 0.1, 0.2, -0.3]);
        assert_eq!(names, ["low visits, high spend", "average"]);
    }

    #[test]
    fn names_differ() {
        let two = [2.0, 1.0, 0.9, 2.0, 1.0, -0.9];
        assert_eq!(
            names(&columns(), &two),
            ["high spend, high visits, high recency", "high spend, high visits, low recency"]
        );
        let same = [2.0, 1.0, 0.9, 2.0, 1.0, 0.9, 0.0, 0.0, 0.0];
        let all = names(&columns(), &same);
        assert_eq!(all[1], "high spend, high visits, high recency (2)");
        assert_eq!(all[2], "average");
        assert_eq!(names(&columns()[..1], &[1.0, 1.5]), ["high spend (1)", "high spend (2)"]);
    }

    #[test]
    fn sentences_give_both_means() {
        let sentence = in_words("spend", 902.0, 302.0, 1.7);
        assert_eq!(sentence, "spend is well above average: 902 on average, 302 among all");
        assert_eq!(
            in_words("x", 0.0, -0.00001234, 0.2).split(": ").last(),
            Some("0 on average, -0.00001234 among all")
        );
        assert_eq!(short(1_234_567.8), "1234568");
        assert_eq!(short(12.0004), "12");
        assert_eq!(short(-0.0), "0");
    }
}
