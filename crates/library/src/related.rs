//! The papers most like one paper or one text.

use crate::diverse::{POOL, POOL_PER_HIT, diverse};
use crate::engine::Library;
use crate::hybrid::{Ranked, Scores, SoughtWords};
use crate::lexical::Words;
use crate::{Event, Filter, LibraryError, Progress, RelatedMode, suggest};
use serde::Serialize;
use std::collections::HashSet;
use std::ops::ControlFlow;
use syntopic_core::{Embeddings, Paper, PaperId, Row, dot};
use syntopic_embed::TextKind;
use syntopic_index::{Hit, blend};

/// How often a search begins anew because papers came or went meanwhile.
const AGAIN: usize = 5;

/// How much the mean similarity to the disliked counts against that to the liked.
pub(crate) const DISLIKE: f32 = 0.5;

/// What related papers are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// A paper of the library, by its id; it is not among its own hits.
    Paper(String),
    /// An abstract, a title, or words.
    Text(String),
}

/// How related papers are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct RelatedOptions {
    /// Most hits. Default 10.
    pub k: usize,
    /// What makes papers alike. Default hybrid: meaning and rare words.
    pub mode: RelatedMode,
    /// More that the hits are to be like: the mean similarity to all of them counts.
    pub and: Vec<Query>,
    /// What the hits are to be unlike: half of the mean similarity to these is taken off.
    pub not: Vec<Query>,
    /// What a paper must be to be a hit; by default any paper may be.
    pub filter: Filter,
    /// Whether the hits are to be unlike each other too: chosen one by one among the best, by relevance less likeness to those
    /// chosen already. Default false.
    pub diverse: bool,
    /// Whether to say how each hit's cosine compares with that of random pairs of the library. Default false.
    pub explain: bool,
    /// Share of the true hits that a search through the graph is to find, 0.5 to 0.9999; recorded for later searches. By
    /// default the recorded one, at first 0.99. A library small enough to be searched exactly finds all.
    pub recall: Option<f64>,
    /// The model to embed a text with; must be the library's own, which is also the default.
    pub model: Option<String>,
}

impl Default for RelatedOptions {
    fn default() -> Self {
        Self {
            k: 10,
            mode: RelatedMode::default(),
            and: Vec::new(),
            not: Vec::new(),
            filter: Filter::default(),
            diverse: false,
            explain: false,
            recall: None,
            model: None,
        }
    }
}

/// The query as it was understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueryReport {
    /// The paper's id, when asked by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The paper's title, when asked by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The text, when asked by text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the text was longer than the model reads, and was cut.
    pub truncated: bool,
}

/// One related paper.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RelatedHit {
    /// From 1.
    pub rank: usize,
    /// The paper's id.
    pub id: String,
    /// What the hits are ordered by: larger is more similar. In semantic mode the cosine, in lexical mode the share of BM25 (1 is
    /// the same text), in hybrid mode a mean of that share and of the cosine less what all papers share.
    pub score: f32,
    /// What it is made of.
    #[serde(flatten)]
    pub scores: Scores,
    /// Which share of random pairs of the library's papers have a smaller cosine than the hit and the query, 0 to 1; where it was
    /// asked for and the library has two papers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closer_than: Option<f64>,
    /// Rare words that it shares with the query, the rarest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_words: Vec<String>,
    /// The paper's title.
    pub title: String,
    /// The year, if known.
    pub year: Option<i32>,
    /// The name of the paper's topic, where `topics` was run since the last change.
    pub topic: Option<String>,
}

/// Related papers, most similar first; ties in the order of ids.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Related {
    /// What was asked.
    pub query: QueryReport,
    /// What made papers alike.
    pub mode: RelatedMode,
    /// What else the hits are to be like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub and: Vec<QueryReport>,
    /// What they are to be unlike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<QueryReport>,
    /// What they had to be.
    #[serde(skip_serializing_if = "Filter::is_empty")]
    pub filter: Filter,
    /// The answer.
    pub hits: Vec<RelatedHit>,
    /// How it was searched, and anything else a user should know.
    pub notes: Vec<String>,
}

/// A query as a vector.
struct Asked {
    vector: Vec<f32>,
    words: Words,
    report: QueryReport,
    /// Its own row, when it is a paper of the library.
    own: Option<Row>,
}

/// What is looked for.
pub(crate) struct Sought {
    pub(crate) vector: Vec<f32>,
    /// Rows of the queries: no hits.
    own: HashSet<Row>,
    /// For each row whether it may be a hit; `None` where all may.
    passing: Option<Vec<bool>>,
    recall: Option<f64>,
    /// Of which state of the library the rows are.
    generation: u64,
}

impl Sought {
    /// Whether a row may be a hit.
    pub(crate) fn may_be(&self, row: Row) -> bool {
        !self.own.contains(&row) && self.passing.as_ref().is_none_or(|all| all[row.index()])
    }

    /// The same without a filter; nothing where there is none.
    pub(crate) fn unfiltered(&self) -> Option<Self> {
        self.passing.as_ref()?;
        Some(Self {
            vector: self.vector.clone(),
            own: self.own.clone(),
            passing: None,
            recall: self.recall,
            generation: self.generation,
        })
    }
}

fn vectors(all: &[Asked]) -> Vec<&[f32]> {
    all.iter().map(|asked| asked.vector.as_slice()).collect()
}

/// The one vector that stands for all that is liked and disliked.
fn direction(liked: &[Asked], disliked: &[Asked]) -> Result<Vec<f32>, LibraryError> {
    if let ([one], []) = (liked, disliked) {
        return Ok(one.vector.clone());
    }
    Ok(blend(&vectors(liked), &vectors(disliked), DISLIKE)?)
}

impl Library {
    /// The papers of the library most like `query`.
    ///
    /// # Errors
    /// When `k` is 0, the id is unknown (with the ids most like it), the text is empty, the library is empty, or the
    /// model is not the library's; when the filter names a topic that is not there, or the queries cancel out.
    pub fn related(
        &mut self,
        query: &Query,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Related, LibraryError> {
        if options.k == 0 {
            return Err(LibraryError::ZeroK);
        }
        let mut first = self.find_related(query, options, progress);
        for _ in 0..AGAIN {
            if !matches!(first, Err(LibraryError::Busy(_))) {
                break;
            }
            first = self.find_related(query, options, progress);
        }
        let damaged = match first {
            Err(LibraryError::Index(error)) if error.is_damage() => error,
            other => return other,
        };
        let note = format!("a file made from the papers is made again: {damaged}");
        let _ = progress(Event::Note(&note));
        self.distrust_files();
        let found = self.find_related(query, options, progress);
        self.distrust = false;
        found
    }

    fn find_related(
        &mut self,
        query: &Query,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Related, LibraryError> {
        let generation = self.open_catalogue(progress)?.stamp().generation;
        let mut notes = Vec::new();
        let liked = self.ask_all([query].into_iter().chain(&options.and), options, progress)?;
        let disliked = self.ask_all(&options.not, options, progress)?;
        if liked.iter().chain(&disliked).any(|a| a.report.truncated) {
            let limit = self
                .embedder
                .as_ref()
                .map_or(0, |e| e.identity().max_tokens);
            notes.push(format!(
                "the text is longer than the model reads: its first {limit} tokens were compared"
            ));
        }
        let passing = self.passing(&options.filter)?;
        let words = SoughtWords {
            liked: liked.iter().map(|asked| asked.words.clone()).collect(),
            disliked: disliked.iter().map(|asked| asked.words.clone()).collect(),
        };
        let found = {
            let sought = Sought {
                vector: direction(&liked, &disliked)?,
                own: liked
                    .iter()
                    .chain(&disliked)
                    .filter_map(|a| a.own)
                    .collect(),
                passing,
                recall: options.recall,
                generation,
            };
            let pool = if options.diverse {
                POOL.max(options.k.saturating_mul(POOL_PER_HIT))
            } else {
                options.k
            };
            let how = (options.mode, options.k, pool);
            self.ranked(&sought, &words, how, &mut notes, progress)?
        };
        let found = if options.diverse {
            self.unlike_each_other(&found, options.k)?
        } else {
            found
        };
        tell_of_no_words(&found, options.mode, &mut notes);
        let likeness = match options.explain {
            true => Some(self.likeness(progress)?),
            false => None,
        };
        let catalogue = self.catalogue()?;
        let ids = found.iter().map(|hit| catalogue.id(hit.row));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let topics = self.topic_names(&ids, &mut notes)?;
        let telling = self.telling_words(&words, options.mode)?;
        let mut hits = Vec::new();
        for (at, (hit, id)) in found.iter().zip(&ids).enumerate() {
            let topic = topics.as_ref().and_then(|names| names[at].clone());
            let paper = self.confirmed_paper(hit.row, id)?;
            let shared = telling.shared_with(&paper);
            let mut hit = describe_hit(at + 1, hit, paper, (topic, shared));
            let cosine = hit.scores.cosine;
            hit.closer_than = likeness.as_ref().and_then(|all| all.share_below(cosine));
            hits.push(hit);
        }
        let mut reports = liked.into_iter().map(|asked| asked.report);
        Ok(Related {
            query: reports.next().unwrap_or_default(),
            mode: options.mode,
            and: reports.collect(),
            not: disliked.into_iter().map(|asked| asked.report).collect(),
            filter: options.filter.clone(),
            hits,
            notes,
        })
    }

    /// The first `k` of candidates in the order that [`diverse`] chooses.
    fn unlike_each_other(&self, found: &[Ranked], k: usize) -> Result<Vec<Ranked>, LibraryError> {
        let catalogue = self.catalogue()?;
        let vectors = found.iter().map(|hit| catalogue.vector(hit.row));
        let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
        let relevance: Vec<f32> = found.iter().map(|hit| hit.score).collect();
        let chosen = diverse(&relevance, |a, b| dot(vectors[a], vectors[b]), k);
        Ok(chosen.into_iter().map(|place| found[place]).collect())
    }

    /// # Errors
    /// [`LibraryError::Busy`] when papers came or went since the query was understood: its rows are those of before.
    pub(crate) fn same_rows(&self, sought: &Sought) -> Result<(), LibraryError> {
        if self.catalogue()?.stamp().generation == sought.generation {
            return Ok(());
        }
        Err(LibraryError::Busy(self.store()?.path().to_owned()))
    }

    /// The vectors of queries.
    fn ask_all<'q>(
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
            })
            .collect()
    }

    /// At most `pool` rows, most similar first, those of the queries left out, where `k` are to be shown.
    pub(crate) fn nearest(
        &mut self,
        sought: &Sought,
        (k, pool): (usize, usize),
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Hit>, LibraryError> {
        let n_rows = self.catalogue()?.n_rows();
        let keep = |row: Row| sought.may_be(row);
        let possible = match &sought.passing {
            None => n_rows - sought.own.len(),
            Some(_) => (0..n_rows)
                .filter(|&row| keep(Row::from_index(row)))
                .count(),
        };
        if sought.passing.is_some() {
            notes.push(format!("{possible} of {n_rows} papers pass the filter"));
        } else if k > possible {
            notes.push(format!(
                "{k} papers were asked for, the library has {possible}"
            ));
        }
        let options = self.index_options.clone();
        self.open_index(&options, sought.recall, progress)?;
        self.same_rows(sought)?;
        let (index, rows) = (self.index()?, self.catalogue()?.rows());
        if !index.is_exact() {
            notes.push(index.describe());
        }
        if sought.passing.is_some() {
            let wanted = pool.min(possible.max(1));
            return Ok(index.search_where(rows, &sought.vector, wanted, &keep)?);
        }
        let wanted = pool.saturating_add(sought.own.len()).min(n_rows);
        let found = index.search(rows, &sought.vector, wanted, None)?;
        let others = found.into_iter().filter(|hit| keep(hit.row));
        Ok(others.take(pool).collect())
    }

    /// The stored vector of a paper: no model is needed.
    fn paper_query(&mut self, id: &str) -> Result<Asked, LibraryError> {
        let catalogue = self.catalogue()?;
        let known = PaperId::new(id).ok();
        let row = known.as_ref().map(|id| catalogue.row_of(id)).transpose()?;
        let (Some(row), Some(known)) = (row.flatten(), known) else {
            return Err(LibraryError::UnknownId {
                id: id.to_owned(),
                nearest: suggest::nearest(id, catalogue.ids()?.into_iter()),
            });
        };
        let paper = self.confirmed_paper(row, &known)?;
        Ok(Asked {
            vector: catalogue.vector(row)?.to_vec(),
            words: Words::of_paper(&paper.title, paper.abstract_text.as_deref()),
            report: QueryReport {
                id: Some(known.to_string()),
                title: Some(paper.title),
                text: None,
                truncated: false,
            },
            own: Some(row),
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
        let embedder = self.load_model(options.model.as_deref(), progress)?;
        let embedded =
            embedder.embed(
                &[&text],
                TextKind::Query,
                &mut |_| ControlFlow::Continue(()),
            )?;
        Ok(Asked {
            vector: embedded.vectors.row(Row(0)).to_vec(),
            words: Words::of_text(&text),
            report: QueryReport {
                id: None,
                title: None,
                text: Some(text),
                truncated: embedded.truncated[0],
            },
            own: None,
        })
    }

    /// The paper of a row, whose vector in the database is the one in use.
    fn confirmed_paper(&self, row: Row, id: &PaperId) -> Result<Paper, LibraryError> {
        let catalogue = self.catalogue()?;
        let store = self.store()?;
        let (paper, vector) = store
            .paper_and_vector(id, catalogue.rows().dim())?
            .ok_or_else(|| LibraryError::Corrupt {
                path: store.path().to_owned(),
                why: format!("the vector of {id} has no paper"),
            })?;
        catalogue.confirm(row, &vector)?;
        Ok(paper)
    }

    /// The library's vectors and their ids, for measurements.
    pub(crate) fn vectors(&mut self) -> Result<&Embeddings, LibraryError> {
        Ok(&self.load_snapshot()?.vectors)
    }
}

/// Says how many hits of the lexical mode share no word with the query.
fn tell_of_no_words(found: &[Ranked], mode: RelatedMode, notes: &mut Vec<String>) {
    let without = found.iter().filter(|hit| hit.scores.lexical == Some(0.0));
    let n = without.count();
    if mode == RelatedMode::Lexical && n > 0 {
        notes.push(format!(
            "{n} of the hits share no word with the query: they are the nearest by meaning"
        ));
    }
}

fn describe_hit(
    rank: usize,
    hit: &Ranked,
    paper: Paper,
    (topic, shared_words): (Option<String>, Vec<String>),
) -> RelatedHit {
    RelatedHit {
        rank,
        id: paper.id.to_string(),
        score: hit.score,
        scores: hit.scores,
        closer_than: None,
        shared_words,
        title: paper.title,
        year: paper.year,
        topic,
    }
}
