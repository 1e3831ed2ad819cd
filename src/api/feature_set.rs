//! Several features and scores at once, for what is made of them: one change of definitions, and one pass.

use super::feature::{check_name, plan, refuse_existing, require_created, reread_all};
use crate::criteria::Features;
use crate::pg::change;
use crate::pg::owner::Acting;
use crate::pg::report::value_of;
use crate::pg::spi::connect;
use crate::score::ready;
use serde_json::Value;

/// Has those of some ready features kept that nobody has kept yet, as `create_feature` does, in one pass over the events.
pub fn keep_ready(kind: &str, names: &[&str]) {
    let registry = change::begin(kind);
    let added: Vec<&str> =
        names.iter().copied().filter(|name| registry.created.iter().all(|kept| kept != name)).collect();
    let kept: Vec<String> =
        registry.created.iter().cloned().chain(added.iter().map(|name| (*name).to_owned())).collect();
    let fill = change::store_streams(&plan(&registry, &registry.definitions, &registry.features, &kept), 0);
    {
        let _acting = Acting::as_owner();
        connect(|session| {
            for name in added {
                let spec = registry.features.spec(name).map(|spec| spec.to_string());
                session.modify(
                    "INSERT INTO segment.feature (name, kind, spec, description, created_at) VALUES ($1, 'feature', $2::jsonb, $3, segment.now())",
                    &[name.into(), spec.into(), ready(name).into()],
                );
            }
        });
    }
    if fill {
        change::finish(kind, true, &[]);
    }
}

/// Creates some scores at once, each with its spec and what it is.
pub fn create_scores(kind: &str, scores: &[(String, Value, String)]) {
    let registry = change::begin(kind);
    let mut features = Features::clone(&registry.features);
    let mut kept = registry.created.clone();
    for (name, spec, _) in scores {
        check_name(name);
        if registry.features.formula(name).is_ok() {
            refuse_existing(name, "Drop that feature first; a model may also have another name.");
        }
        features.specs.insert(name.clone(), spec.clone());
        kept.push(name.clone());
    }
    scores.iter().for_each(|(name, ..)| drop(value_of(features.formula(name))));
    let fill = change::store_streams(&plan(&registry, &registry.definitions, &features, &kept), 0);
    {
        let _acting = Acting::as_owner();
        connect(|session| {
            for (name, spec, description) in scores {
                session.modify(
                    "INSERT INTO segment.feature (name, kind, spec, description, created_at) VALUES ($1, 'score', $2::jsonb, $3, segment.now())",
                    &[name.clone().into(), spec.to_string().into(), description.clone().into()],
                );
            }
        });
    }
    if fill {
        change::finish(kind, true, &[]);
    }
}

/// Puts other specs in the place of those of some scores, and evaluates everybody once.
pub fn alter_scores(kind: &str, scores: &[(String, Value, String)]) {
    let registry = change::begin(kind);
    let mut features = Features::clone(&registry.features);
    for (name, spec, _) in scores {
        require_created(&registry, name);
        features.specs.insert(name.clone(), spec.clone());
    }
    let definitions = reread_all(&registry, &features);
    let fill = change::store_streams(&plan(&registry, &definitions, &features, &registry.created), 0);
    {
        let _acting = Acting::as_owner();
        connect(|session| {
            for (name, spec, _) in scores {
                session.modify(
                    "UPDATE segment.feature SET spec = $2::jsonb WHERE name = $1",
                    &[name.clone().into(), spec.to_string().into()],
                );
            }
        });
    }
    change::finish(kind, fill, &[]);
}
