//! `/api/hierarchy`: topics in groups, at every level.

use crate::api::topics::{TopicsStateBody, levels_of};
use crate::app::Shared;
use crate::errors::Failure;
use crate::input::Parameters;
use axum::Json;
use serde::Serialize;
use syntopic_library::GroupReport;
use utoipa::ToSchema;

/// A group of topics, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct GroupName {
    /// Its level: 0 is the coarsest.
    #[schema(minimum = 0)]
    level: usize,
    /// Its number, which no other group of the level has.
    #[schema(minimum = 0)]
    id: u32,
    name: String,
}

impl GroupName {
    pub(crate) fn of(group: &GroupReport) -> Self {
        Self {
            level: group.level,
            id: group.id,
            name: group.name.clone(),
        }
    }
}

/// A group of topics.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupBody {
    #[serde(flatten)]
    group: GroupName,
    /// Number of the group of the level above that it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    parent: Option<u32>,
    /// How many papers it has.
    #[schema(minimum = 0)]
    size: usize,
    /// Mean cosine of its papers to its centre: larger is tighter, at most 1.
    tightness: f32,
    /// The phrases that tell it from the other groups of its level, best first.
    terms: Vec<String>,
    /// Numbers of its topics, ascending.
    topics: Vec<u32>,
}

/// Topics in groups.
#[derive(Serialize, ToSchema)]
pub(crate) struct HierarchyBody {
    state: TopicsStateBody,
    /// How many levels of groups there are above the topics; 0 where these are not grouped.
    #[schema(minimum = 0)]
    levels: usize,
    /// The groups, the coarsest level first. A topic says by its `parent` in which group of the finest level it is.
    groups: Vec<GroupBody>,
}

/// The groups that something lies in whose parent, of the finest level, has this number: the largest first.
pub(crate) fn parents_of(groups: &[GroupReport], mut parent: Option<u32>) -> Vec<GroupName> {
    let finest = groups.iter().map(|group| group.level).max().unwrap_or(0);
    let mut parents = Vec::new();
    for level in (0..=finest).rev() {
        let found = (groups.iter()).find(|g| g.level == level && Some(g.id) == parent);
        let Some(group) = found else { break };
        parents.push(GroupName::of(group));
        parent = group.parent;
    }
    parents.reverse();
    parents
}

/// The groups that topics are in, where they were made with `depth` or `levels`.
#[utoipa::path(get, path = "/api/hierarchy", tag = "topics",
    responses((status = 200, description = "The groups, or that there are none", body = HierarchyBody))
)]
pub(crate) async fn hierarchy(
    app: Shared,
    asked: Parameters,
) -> Result<Json<HierarchyBody>, Failure> {
    asked.end()?;
    let topics = app.topics().await?;
    let groups = topics.groups().iter().map(|group| GroupBody {
        group: GroupName::of(group),
        parent: group.parent,
        size: group.size,
        tightness: group.tightness,
        terms: group.terms.clone(),
        topics: group.topics.clone(),
    });
    Ok(Json(HierarchyBody {
        state: topics.state.into(),
        levels: topics.report.as_ref().map_or(0, levels_of),
        groups: groups.collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_topic_lies_in_is_told_from_the_largest_on() {
        let group = |level, id, parent| GroupReport {
            level,
            id,
            parent,
            name: format!("{level}/{id}"),
            size: 1,
            tightness: 1.0,
            terms: Vec::new(),
            topics: Vec::new(),
        };
        let groups = [
            group(0, 0, None),
            group(0, 1, None),
            group(1, 0, Some(1)),
            group(1, 1, Some(0)),
        ];
        let names = |parent| {
            let parents = parents_of(&groups, parent).into_iter();
            parents.map(|group| group.name).collect::<Vec<_>>()
        };
        assert_eq!(names(Some(0)), ["0/1", "1/0"]);
        assert_eq!(names(Some(1)), ["0/0", "1/1"]);
        assert!(names(None).is_empty() && names(Some(7)).is_empty());
        assert!(parents_of(&[], Some(0)).is_empty());
    }
}
