//! What is known of a subscriber beside the events: e-mail, traits, preferences, tags and predictions.
//!
//! One JSON document per subscriber, with the keys `email`, `traits`, `preferences`, `tags` and `predictions`, and since
//! when each of its values is what it is.

mod held;
mod identity;

pub use held::Held;
pub use identity::{Identities, Unmergeable};

use crate::activity::Instant;
use crate::criteria::{Document, Jsonb, Kind, Path, follow};

/// A subscriber's profile, as it is stored.
#[derive(Clone, Debug)]
pub struct Profile {
    /// A jsonb object, without the varlena header.
    document: Box<[u8]>,
    pub held: Held,
}

impl Profile {
    /// From the stored columns; `None` where there is no profile.
    pub fn stored(document: &[u8], held: &[u8]) -> Option<Self> {
        let is_object = Jsonb::root(document).kind() == Kind::Object;
        is_object.then(|| Profile { document: document.into(), held: Held::from_bytes(held) })
    }

    /// A profile as it is from an instant on, after what it was before.
    pub fn new(before: Option<&Profile>, document: &[u8], at: Instant) -> Self {
        let held = match before {
            None => Held::since(at),
            Some(before) => {
                let mut held = before.held.clone();
                held.note(before.root(), Jsonb::root(document), at);
                held
            }
        };
        Profile { document: document.into(), held }
    }

    /// Whether it says more than what is predicted, which makes nobody a subscriber.
    pub fn is_known(&self) -> bool {
        self.root().entries().any(|(key, _)| key != "predictions")
    }

    pub fn root(&self) -> Jsonb<'_> {
        Jsonb::root(&self.document)
    }

    /// The bytes of the document.
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// The value at a path, if there is one.
    pub fn get(&self, path: &Path) -> Option<Jsonb<'_>> {
        follow(self.root(), path).filter(|value| value.kind() != Kind::Null)
    }
}
