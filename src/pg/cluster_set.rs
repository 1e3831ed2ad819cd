//! Which cluster models have segments, and which segment is which cluster.

use super::owner::Acting;
use super::spi::{connect, connect_at_latest};
use std::collections::HashMap;

/// The segments of a model, in the order of their places.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSet {
    pub version: i32,
    /// The clusters of that version, counted from 1.
    pub clusters: Vec<i32>,
    pub segments: Vec<i32>,
    pub scores: Vec<String>,
    /// How far the centroid of each has moved, in standard deviations, and the share of the profiles that kept their place, when the
    /// version came into force.
    pub shifts: Option<Vec<f64>>,
    pub kept: Option<f64>,
}

impl ClusterSet {
    pub fn load(model: &str) -> Option<Self> {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            let rows = session.select(
                "SELECT version, clusters, segments, scores, shifts, kept FROM segment.cluster_set WHERE model = $1",
                &[model.into()],
            );
            (rows.count() > 0).then(|| ClusterSet {
                version: rows.value(0, 1),
                clusters: rows.value(0, 2),
                segments: rows.value(0, 3),
                scores: rows.value(0, 4),
                shifts: rows.get(0, 5),
                kept: rows.get(0, 6),
            })
        })
    }

    /// Stores it in the place of what was there.
    pub fn store(&self, model: &str) {
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                "INSERT INTO segment.cluster_set AS s (model, version, clusters, segments, scores, shifts, kept)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (model) DO UPDATE SET version = $2, clusters = $3, segments = $4, scores = $5, shifts = $6, kept = $7",
                &[
                    model.into(),
                    self.version.into(),
                    self.clusters.clone().into(),
                    self.segments.clone().into(),
                    self.scores.clone().into(),
                    self.shifts.clone().into(),
                    self.kept.into(),
                ],
            )
        });
    }

    /// Name and members of each segment.
    pub fn members(&self) -> Vec<(String, i64)> {
        let _acting = Acting::as_owner();
        connect_at_latest(|session| {
            let rows = session.select(
                "SELECT d.segment_id, d.name, count(m.subscriber) FROM segment.definition d
                 LEFT JOIN segment.membership m ON m.segment_id = d.segment_id
                 WHERE d.segment_id = ANY ($1) GROUP BY d.segment_id, d.name",
                &[self.segments.clone().into()],
            );
            let found: HashMap<i32, (String, i64)> = (0..rows.count())
                .map(|row| (rows.value(row, 1), (rows.value(row, 2), rows.value(row, 3))))
                .collect();
            self.segments.iter().map(|id| found.get(id).cloned().unwrap_or_default()).collect()
        })
    }

    /// Says anew what each segment is.
    pub fn describe(&self, descriptions: &[String]) {
        let _acting = Acting::as_owner();
        connect(|session| {
            session.modify(
                "UPDATE segment.definition d SET description = n.description
                 FROM unnest($1::int[], $2::text[]) AS n (segment_id, description) WHERE d.segment_id = n.segment_id",
                &[self.segments.clone().into(), descriptions.to_vec().into()],
            )
        });
    }
}

/// Forgets which segments a model has.
pub fn forget(model: &str) {
    let _acting = Acting::as_owner();
    connect(|session| session.modify("DELETE FROM segment.cluster_set WHERE model = $1", &[model.into()]));
}

/// The models that a segment is a cluster of.
pub fn of_segment(id: i32) -> Vec<String> {
    connect_at_latest(|session| {
        let sql = "SELECT model FROM segment.cluster_set WHERE $1 = ANY (segments)";
        session.select(sql, &[id.into()]).first_column()
    })
}
