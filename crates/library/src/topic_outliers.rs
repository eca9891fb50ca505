//! Papers of a library that are far from every topic, and how much of each topic a paper is.

use crate::engine::Library;
use crate::{LibraryError, TopicsReport};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use syntopic_topics::{memberships, outliers};

/// Largest share of papers that are called outliers where nothing else is said.
pub const MAX_OUTLIERS: f64 = 0.1;

/// A paper far from every topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutlierReport {
    /// Its id.
    pub id: String,
    /// The number of the topic nearest to it, which it is listed in.
    pub topic: u32,
    /// Cosine to the nearest centre of any topic, its own without it.
    pub cosine: f32,
}

/// How much of each topic the papers of a library are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightsReport {
    /// The concentration that the weights were made with: larger is nearer to one topic a paper.
    pub kappa: f64,
    /// The papers, in the order of ids.
    pub papers: Vec<PaperWeights>,
}

/// How much of each topic a paper is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PaperWeights {
    /// Its id.
    pub id: String,
    /// Its topics, the one it is in first, then by weight.
    pub topics: Vec<TopicWeight>,
}

/// A topic and its weight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TopicWeight {
    /// The topic's number.
    pub id: u32,
    /// Its weight: those of a paper sum to 1.
    pub weight: f64,
}

impl Library {
    /// Finds the outliers among the papers of `report`, at most a share of `most`.
    pub(crate) fn mark_outliers(
        &mut self,
        report: &mut TopicsReport,
        most: f64,
    ) -> Result<(), LibraryError> {
        let members = self.rows_of_topics(report)?;
        let topics: Vec<&[usize]> = members.iter().map(Vec::as_slice).collect();
        let snapshot = self.load_snapshot()?;
        let found = outliers(&snapshot.vectors, &topics, most);
        report.max_outliers = most;
        report.outlier_share = found.len() as f64 / report.papers.max(1) as f64;
        report.outliers = found
            .into_iter()
            .map(|outlier| OutlierReport {
                id: snapshot.ids[outlier.member].to_string(),
                topic: report.topics[outlier.topic].id,
                cosine: outlier.cosine,
            })
            .collect();
        Ok(())
    }

    /// How much of each topic of `report` the papers are: weights that sum to 1 a paper, largest for the topic that it is in (shares of
    /// a mixture of von Mises-Fisher distributions, with the concentration that says best which topics a paper's nearest are in).
    ///
    /// # Errors
    /// When the library cannot be read.
    pub fn topic_weights(&mut self, report: &TopicsReport) -> Result<WeightsReport, LibraryError> {
        self.at_one_moment(|library| {
            library.forget_other_rows()?;
            let members = library.rows_of_topics(report)?;
            let topics: Vec<&[usize]> = members.iter().map(Vec::as_slice).collect();
            let snapshot = library.load_snapshot()?;
            let found = memberships(&snapshot.vectors, &topics);
            let papers = snapshot.ids.iter().zip(found.of);
            let papers = papers
                .filter(|(_, weights)| !weights.is_empty())
                .map(|(id, weights)| PaperWeights {
                    id: id.to_string(),
                    topics: (weights.into_iter())
                        .map(|(topic, weight)| TopicWeight {
                            id: report.topics[topic as usize].id,
                            weight,
                        })
                        .collect(),
                });
            Ok(WeightsReport {
                kappa: found.kappa,
                papers: papers.collect(),
            })
        })
    }

    /// The rows of the papers of each topic, in their order; papers that are no longer there are left out.
    pub(crate) fn rows_of_topics(
        &mut self,
        report: &TopicsReport,
    ) -> Result<Vec<Vec<usize>>, LibraryError> {
        let ids = &self.load_snapshot()?.ids;
        let rows: HashMap<&str, usize> = (ids.iter().enumerate())
            .map(|(row, id)| (id.as_str(), row))
            .collect();
        let known = |id: &String| rows.get(id.as_str()).copied();
        let topics = report.topics.iter();
        Ok(topics
            .map(|topic| topic.papers.iter().filter_map(known).collect())
            .collect())
    }
}
