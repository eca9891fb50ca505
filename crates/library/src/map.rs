//! A map of the library: every paper at a place in the plane, near those that are like it, with its topic and what is
//! related to it.
//!
//! The layout is `syntopic_topics::map`'s, on the neighbours that the index finds. Not for: files; [`MapData`] becomes the text
//! of an HTML page, an SVG or the bytes of a PNG, and the caller writes them.

mod colours;
mod glyphs;
pub(crate) mod kept;
mod page;
mod png;
mod score;
mod still;
mod svg;

pub use score::{MapScoreReport, MapScoreRequest, score_map};
pub use syntopic_topics::map::{MapError, MapOptions, MapScore};

use crate::engine::Library;
use crate::{Event, LibraryError, Progress, TopicsReport, TopicsRequest};
use std::collections::HashMap;
use std::ops::ControlFlow;
use syntopic_core::{Embeddings, Paper, Row};
use syntopic_index::Neighbors;
use syntopic_topics::map::{NeighborGraph, layout};

/// Neighbours of a paper that the layout knows.
const NEIGHBORS: usize = 15;

/// How a map is asked for. [`Default`] gives the value named at each field.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRequest {
    /// Related papers that are kept with each, at most 15; default 8.
    pub related: usize,
    /// Whether topics are made where there are none of the present papers; default yes. Where they cannot be, the map has none.
    pub make_topics: bool,
    /// How papers are laid out.
    pub options: MapOptions,
}

impl Default for MapRequest {
    fn default() -> Self {
        Self {
            related: 8,
            make_topics: true,
            options: MapOptions::default(),
        }
    }
}

/// A topic on a map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapTopic {
    /// Its name.
    pub name: String,
    /// How many papers.
    pub size: usize,
    /// Where its name stands: amid most of its papers.
    pub place: [f32; 2],
}

/// All that a map shows.
#[derive(Debug, Clone, PartialEq)]
pub struct MapData {
    /// What it is called.
    pub title: String,
    /// The papers, in the order of ids.
    pub papers: Vec<Paper>,
    /// Where each is; coordinates from -1 to 1, the second upwards.
    pub positions: Vec<[f32; 2]>,
    /// Topic of each: an index into `topics`, or none.
    pub topic_of: Vec<Option<u32>>,
    /// The topics, in the order of their report.
    pub topics: Vec<MapTopic>,
    /// Related papers kept with each.
    pub n_related: usize,
    /// The most similar papers of each and their cosines, most similar first; shape `(n_papers, n_related)`.
    pub related: Vec<(u32, f32)>,
}

impl Library {
    /// Lays the library's papers out on a map.
    ///
    /// # Errors
    /// When the library is empty or cannot be read, an option is wrong, or `progress` asked to stop.
    pub fn map(
        &mut self,
        request: &MapRequest,
        progress: &mut Progress<'_>,
    ) -> Result<MapData, LibraryError> {
        request.options.check()?;
        let (report, kept, neighbors, papers) = self.at_one_moment(|library| {
            let report = library.topics_for_map(request, progress)?;
            // The layout needs the vectors anyway; with them, the index is searched by those of the database.
            library.open_catalogue(progress)?;
            let snapshot = library.load_snapshot()?;
            let (rows, n_papers) = (snapshot.stamp.sha256, snapshot.ids.len());
            let kept = library.kept_layout((&rows, n_papers), &request.options, progress);
            let neighbors = match kept {
                Some(_) if request.related == 0 => None,
                _ => Some(library.all_neighbors(NEIGHBORS, progress)?),
            };
            let mut papers = library.papers()?;
            let ids = &library.load_snapshot()?.ids;
            papers.retain(|paper| ids.binary_search(&paper.id).is_ok());
            Ok((report, kept, neighbors, papers))
        })?;
        let neighbors = neighbors.as_ref();
        let positions = match (kept, neighbors) {
            (Some(positions), _) => positions,
            (None, Some(neighbors)) => self.lay_out(neighbors, &request.options, progress)?,
            (None, None) => Vec::new(),
        };
        let topic_of = topics_of(&papers, report.as_ref());
        let topics = report.map_or_else(Vec::new, |report| {
            map_topics(&report, &topic_of, &positions)
        });
        let n_related = neighbors.map_or(0, |near| request.related.min(near.k()));
        let related = (neighbors.into_iter())
            .flat_map(|near| (0..papers.len()).map(|row| near.of(Row::from_index(row))))
            .flat_map(|hits| &hits[..n_related])
            .map(|hit| (hit.row.0, hit.score))
            .collect();
        Ok(MapData {
            title: self.title(),
            papers,
            positions,
            topic_of,
            topics,
            n_related,
            related,
        })
    }

    /// Lays out the vectors that were read, and keeps where they lie.
    fn lay_out(
        &mut self,
        neighbors: &Neighbors,
        options: &MapOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<[f32; 2]>, LibraryError> {
        let snapshot = self.load_snapshot()?;
        let rows = snapshot.stamp.sha256;
        let positions = place(&snapshot.vectors, neighbors, options, progress)?;
        self.keep_layout(&rows, &positions, options, progress);
        Ok(positions)
    }

    /// The topics of the present papers, made where there are none and it was asked for.
    fn topics_for_map(
        &mut self,
        request: &MapRequest,
        progress: &mut Progress<'_>,
    ) -> Result<Option<TopicsReport>, LibraryError> {
        if let Some(report) = self.stored_topics()? {
            return Ok(Some(report));
        }
        if !request.make_topics {
            return Ok(None);
        }
        match self.topics(&TopicsRequest::default(), progress) {
            Ok(report) => Ok(Some(report)),
            Err(LibraryError::Embed(error)) => {
                let note = format!("the map has no topics, since they could not be named: {error}");
                let _ = progress(Event::Note(&note));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What the map is called: the folder's name.
    fn title(&self) -> String {
        let folder = self.folder.canonicalize();
        let folder = folder.as_deref().unwrap_or(&self.folder);
        let name = folder.file_name().map(|name| name.to_string_lossy());
        name.map_or_else(|| String::from("library"), String::from)
    }
}

/// The layout of vectors whose neighbours are known.
fn place(
    vectors: &Embeddings,
    neighbors: &Neighbors,
    options: &MapOptions,
    progress: &mut Progress<'_>,
) -> Result<Vec<[f32; 2]>, LibraryError> {
    let hits = || (0..vectors.n_rows()).flat_map(|row| neighbors.of(Row::from_index(row)));
    let rows: Vec<u32> = hits().map(|hit| hit.row.0).collect();
    let cosines: Vec<f32> = hits().map(|hit| hit.score).collect();
    let graph = NeighborGraph {
        k: neighbors.k(),
        rows: &rows,
        cosines: &cosines,
    };
    let mut hear = |done, of| -> ControlFlow<()> {
        progress(Event::Topics {
            step: "laying out the map",
            done,
            of,
        })
    };
    Ok(layout(vectors, graph, options, &mut hear)?)
}

/// The topic of each paper, by its position in the report.
fn topics_of(papers: &[Paper], report: Option<&TopicsReport>) -> Vec<Option<u32>> {
    let mut of: HashMap<&str, u32> = HashMap::new();
    for (at, topic) in (0..).zip(report.iter().flat_map(|report| &report.topics)) {
        of.extend(topic.papers.iter().map(|id| (id.as_str(), at)));
    }
    let topic = |paper: &Paper| of.get(paper.id.as_str()).copied();
    papers.iter().map(topic).collect()
}

fn map_topics(
    report: &TopicsReport,
    topic_of: &[Option<u32>],
    positions: &[[f32; 2]],
) -> Vec<MapTopic> {
    let mut members: Vec<Vec<[f32; 2]>> = vec![Vec::new(); report.topics.len()];
    for (topic, &position) in topic_of.iter().zip(positions) {
        if let Some(topic) = topic {
            members[*topic as usize].push(position);
        }
    }
    let topics = report.topics.iter().zip(members);
    topics
        .map(|(topic, mut members)| MapTopic {
            name: topic.name.clone(),
            size: members.len(),
            place: amid(&mut members),
        })
        .collect()
}

/// The middle of the nearer half of some points, seen from their median: amid most of them, wherever a few have strayed. They are put into another order.
#[must_use]
pub fn amid(points: &mut [[f32; 2]]) -> [f32; 2] {
    if points.is_empty() {
        return [0.0; 2];
    }
    let median = [0, 1].map(|axis| {
        let mut along: Vec<f32> = points.iter().map(|p| p[axis]).collect();
        along.sort_by(f32::total_cmp);
        along[along.len() / 2]
    });
    let apart = |p: &[f32; 2]| (p[0] - median[0]).powi(2) + (p[1] - median[1]).powi(2);
    points.sort_by(|a, b| apart(a).total_cmp(&apart(b)));
    let near = &points[..points.len().div_ceil(2)];
    [0, 1].map(|axis| near.iter().map(|p| p[axis]).sum::<f32>() / near.len() as f32)
}

#[cfg(test)]
mod tests;
