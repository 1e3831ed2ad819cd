//! So many of all, each as likely as any other: the same ones whenever it is the same all, in whatever order.

use crate::activity::hash;
use std::collections::BinaryHeap;

/// Those seen so far with the smallest hashes.
#[derive(Debug)]
pub struct Sample {
    size: usize,
    drawn: BinaryHeap<(u64, String)>,
}

impl Sample {
    pub fn new(size: usize) -> Self {
        Sample { size, drawn: BinaryHeap::new() }
    }

    pub fn see(&mut self, name: String) {
        let place = hash(&name);
        let full = self.drawn.len() >= self.size;
        if full && self.drawn.peek().is_none_or(|(last, _)| *last <= place) {
            return;
        }
        self.drawn.push((place, name));
        if full {
            self.drawn.pop();
        }
    }

    /// The names drawn, ascending.
    pub fn into_names(self) -> Vec<String> {
        let mut names: Vec<String> = self.drawn.into_iter().map(|(_, name)| name).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::Sample;

    #[test]
    fn it_is_the_same_in_whatever_order() {
        let draw = |size, names: &mut dyn Iterator<Item = i32>| {
            let mut sample = Sample::new(size);
            names.for_each(|name| sample.see(name.to_string()));
            sample.into_names()
        };
        let sample = draw(10, &mut (0..1_000));
        assert_eq!(sample.len(), 10);
        assert_eq!(sample, draw(10, &mut (0..1_000).rev()));
        // Spread over all.
        assert!(
            sample.iter().any(|name| name < &"500".to_owned())
                && sample.iter().any(|name| name > &"500".to_owned())
        );
        assert_eq!(draw(10, &mut (0..3)), ["0", "1", "2"]);
        assert!(draw(0, &mut (0..3)).is_empty());
    }
}
