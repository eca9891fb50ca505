//! What is asked, as a vector, words and sentences.
//!
//! Not for: searching (`sought.rs`) nor the order of hits (`hybrid.rs`).

use crate::engine::Library;
use crate::filter::topics_called;
use crate::lexical::Words;
use crate::related::{DISLIKE, Query, QueryReport, RelatedOptions};
use crate::rows::is_there;
use crate::titles::title_vectors;
use crate::{LibraryError, Progress, suggest};
use std::ops::ControlFlow;
use syntopic_core::{Paper, PaperId, Row, paper_text};
use syntopic_embed::TextKind;
use syntopic_index::blend;

/// A query as it is searched with.
pub(crate) struct Asked {
    pub(crate) vector: Vec<f32>,
    /// Of its title alone, of a text that of the text; where there is one.
    pub(crate) title: Option<Vec<f32>>,
    pub(crate) words: Words,
    pub(crate) report: QueryReport,
    /// Its own row, when it is a paper of the library.
    pub(crate) own: Option<Row>,
    /// The paper, when it is one.
    pub(crate) paper: Option<Paper>,
}

fn vectors(all: &[Asked]) -> Vec<&[f32]> {
    all.iter().map(|asked| asked.vector.as_slice()).collect()
}

/// What [`direction`] is of the texts, of the titles; none where one of them has no vector, or they cancel out.
pub(crate) fn direction_of_titles(liked: &[Asked], disliked: &[Asked]) -> Option<Vec<f32>> {
    let titles = |all: &[Asked]| {
        let titles = all.iter().map(|asked| asked.title.clone());
        titles.collect::<Option<Vec<_>>>()
    };
    let (liked, disliked) = (titles(liked)?, titles(disliked)?);
    if let ([one], []) = (&liked[..], &disliked[..]) {
        return Some(one.clone());
    }
    let [liked, disliked] =
        [&liked, &disliked].map(|all| all.iter().map(Vec::as_slice).collect::<Vec<_>>());
    blend(&liked, &disliked, DISLIKE).ok()
}

/// The one vector that stands for all that is liked and disliked.
pub(crate) fn direction(liked: &[Asked], disliked: &[Asked]) -> Result<Vec<f32>, LibraryError> {
    if let ([one], []) = (liked, disliked) {
        return Ok(one.vector.clone());
    }
    Ok(blend(&vectors(liked), &vectors(disliked), DISLIKE)?)
}

impl Library {
    /// The vectors of queries.
    pub(crate) fn ask_all<'q>(
        &mut self,
        queries: impl IntoIterator<Item = &'q Query>,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Asked>, LibraryError> {
        let queries = queries.into_iter();
        queries
            .map(|query| match query {
                Query::Paper(id) => {
                    if let Some(asked) = &options.model {
                        // No text is embedded, but another model than the library's is refused all the same.
                        self.load_model(Some(asked), progress)?;
                    }
                    self.paper_query(id)
                }
                Query::Text(text) => self.text_query(text, options, progress),
                Query::Given(paper) => self.given_query(paper, options, progress),
                Query::Topic(asked) => self.topic_query(asked),
            })
            .collect()
    }

    /// The stored vector of a paper: no model is needed.
    fn paper_query(&mut self, id: &str) -> Result<Asked, LibraryError> {
        let catalogue = self.catalogue()?;
        let known = PaperId::new(id).ok();
        let row = known.as_ref().map(|id| catalogue.row_of(id)).transpose()?;
        let (Some(row), Some(known)) = (row.flatten(), &known) else {
            if let Some(known) = &known
                && self.store()?.read(|db| is_there(db, known))?
            {
                return Err(LibraryError::NoVector(known.to_string()));
            }
            return Err(LibraryError::UnknownId {
                id: id.to_owned(),
                nearest: suggest::nearest(id, catalogue.ids()?.into_iter()),
            });
        };
        let paper = self.confirmed_paper(row, known)?;
        let titles = (self.store()?).titles_of(catalogue, std::iter::once(row))?;
        Ok(Asked {
            vector: catalogue.vector(row)?.to_vec(),
            title: titles.into_iter().next().flatten(),
            words: Words::of_paper(&paper.title, paper.abstract_text.as_deref()),
            report: QueryReport {
                id: Some(known.to_string()),
                title: Some(paper.title.clone()),
                ..QueryReport::default()
            },
            own: Some(row),
            paper: Some(paper),
        })
    }

    fn text_query(
        &mut self,
        text: &str,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Asked, LibraryError> {
        let text = text
            .trim_start_matches('\u{feff}')
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if text.is_empty() {
            return Err(LibraryError::EmptyQuery);
        }
        let (vector, truncated) = self.embed_one(&text, TextKind::Query, options, progress)?;
        Ok(Asked {
            title: Some(vector.clone()),
            vector,
            words: Words::of_text(&text),
            report: QueryReport {
                text: Some(text),
                truncated,
                ..QueryReport::default()
            },
            own: None,
            paper: None,
        })
    }

    /// A paper that is given whole: its vectors are made as `add` makes them.
    fn given_query(
        &mut self,
        paper: &Paper,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Asked, LibraryError> {
        if self.catalogue()?.row_of(&paper.id)?.is_some() {
            return self.paper_query(paper.id.as_str());
        }
        let embedder = self.load_model(options.model.as_deref(), progress)?;
        let mut go_on = |_| ControlFlow::Continue(());
        let text = paper_text(paper);
        let embedded = embedder.embed(&[text], TextKind::Document, &mut go_on)?;
        let titles = title_vectors(embedder, std::slice::from_ref(paper), &embedded.vectors)?;
        Ok(Asked {
            vector: embedded.vectors.row(Row(0)).to_vec(),
            title: titles.into_iter().next().flatten(),
            words: Words::of_paper(&paper.title, paper.abstract_text.as_deref()),
            report: QueryReport {
                id: Some(paper.id.to_string()),
                title: Some(paper.title.clone()),
                truncated: embedded.truncated[0],
                ..QueryReport::default()
            },
            own: None,
            paper: Some(paper.clone()),
        })
    }

    /// The centre of a topic: the direction of the sum of its papers' vectors, and the words of its name and terms.
    fn topic_query(&mut self, asked: &str) -> Result<Asked, LibraryError> {
        let topics = self.stored_topics()?.ok_or(LibraryError::NoTopics)?.topics;
        let found = topics_called(&topics, asked)?;
        let catalogue = self.catalogue()?;
        let mut vectors = Vec::new();
        for id in found.iter().flat_map(|topic| &topic.papers) {
            let id = PaperId::new(id).ok();
            let row = id.map(|id| catalogue.row_of(&id)).transpose()?.flatten();
            vectors.extend(row.map(|row| catalogue.vector(row)).transpose()?);
        }
        let names: Vec<String> = found.iter().map(|topic| topic.name.clone()).collect();
        let terms = found.iter().flat_map(|topic| topic.terms.iter().cloned());
        let words: Vec<String> = names.iter().cloned().chain(terms).collect();
        let vector = blend(&vectors, &[], DISLIKE)?;
        Ok(Asked {
            title: Some(vector.clone()),
            vector,
            words: Words::of_text(&words.join(". ")),
            report: QueryReport {
                like_topics: names,
                ..QueryReport::default()
            },
            own: None,
            paper: None,
        })
    }

    /// A text's vector, and whether the text was cut.
    fn embed_one(
        &mut self,
        text: &str,
        kind: TextKind,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<(Vec<f32>, bool), LibraryError> {
        let embedder = self.load_model(options.model.as_deref(), progress)?;
        let embedded = embedder.embed(&[text], kind, &mut |_| ControlFlow::Continue(()))?;
        Ok((embedded.vectors.row(Row(0)).to_vec(), embedded.truncated[0]))
    }
}
