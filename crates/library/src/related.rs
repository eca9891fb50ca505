//! The papers most like one paper or one text.

use crate::asked::{Asked, direction, direction_of_titles};
use crate::diverse::{POOL, POOL_PER_HIT};
use crate::duplicates::versions::{BESIDE, Shown};
use crate::engine::Library;
use crate::explain::SentencePair;
use crate::hybrid::{Scores, SoughtWords};
use crate::sought::Sought;
use crate::{Event, Filter, LibraryError, Progress, RelatedMode, Version};
use serde::Serialize;
use syntopic_core::{Embeddings, Paper};

/// How often a search begins anew where the library is read without locks and papers came or went meanwhile.
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
    /// A paper that need not be in the library; where its id is, it is that one.
    Given(Box<Paper>),
    /// The centre of a topic: its number, or words in its name; where several topics have them, the centre of all their papers.
    Topic(String),
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
    /// Whether every version of a paper may be a hit, those of the queries too. Default false: the best one is, and names the others.
    pub all_versions: bool,
    /// Whether to say how each hit's cosine compares with that of random pairs of the library, and which sentences of the query and
    /// of the hit are nearest, which embeds those sentences. Default false.
    pub explain: bool,
    /// Share of the true hits that a search through the graph is to find, 0.5 to 0.9999; recorded for later searches. 1
    /// compares everything this once. By default the recorded one, at first 0.99. A library small enough to be searched exactly finds all.
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
            all_versions: false,
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
    /// The names of the topics whose centre it is, when asked by topic.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub like_topics: Vec<String>,
    /// The name of the topic that the paper is in, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
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
    /// The sentence of the hit and the one of the query that are nearest to each other, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentences: Option<SentencePair>,
    /// Rare words that it shares with the query, the rarest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_words: Vec<String>,
    /// The paper's title.
    pub title: String,
    /// The year, if known.
    pub year: Option<i32>,
    /// The name of the paper's topic, where `topics` was run since the last change.
    pub topic: Option<String>,
    /// Other versions of the paper (by the rule of [`Library::duplicates`]) that are no hits for this one is, best first: of those
    /// that were among the candidates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
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

impl Library {
    /// The papers of the library most like `query`.
    ///
    /// # Errors
    /// When `k` is 0, the id is unknown (with the ids most like it), the text is empty, the library is empty, or the
    /// model is not the library's; when a topic is named that is not there, or the queries cancel out.
    pub fn related(
        &mut self,
        query: &Query,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Related, LibraryError> {
        if options.k == 0 {
            return Err(LibraryError::ZeroK);
        }
        let find = |library: &mut Self, progress: &mut Progress<'_>| {
            library.at_one_moment(|library| library.find_related(query, options, progress))
        };
        let mut first = find(self, progress);
        for _ in 0..AGAIN {
            if !matches!(first, Err(LibraryError::Busy(_))) {
                break;
            }
            first = find(self, progress);
        }
        let damaged = match first {
            Err(LibraryError::Index(error)) if error.is_damage() => error,
            other => return other,
        };
        let note = format!("a file made from the papers is made again: {damaged}");
        let _ = progress(Event::Note(&note));
        self.distrust_files();
        let found = find(self, progress);
        self.distrust = false;
        found
    }

    fn find_related(
        &mut self,
        query: &Query,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Related, LibraryError> {
        let asked = [query].into_iter().chain(&options.and).chain(&options.not);
        let ids = asked.filter_map(|query| match query {
            Query::Paper(id) => Some(id.as_str()),
            _ => None,
        });
        let ids: Vec<&str> = ids.collect();
        self.open_older(&ids, (options.mode, options.recall))?;
        let generation = self.open_catalogue(progress)?.stamp().generation;
        let mut notes = Vec::new();
        self.tell_of_older(&mut notes);
        self.tell_of_papers_without_vectors(&mut notes)?;
        let mut liked = self.ask_all([query].into_iter().chain(&options.and), options, progress)?;
        let disliked = self.ask_all(&options.not, options, progress)?;
        self.tell_of_cut_texts(liked.iter().chain(&disliked), &mut notes);
        let words = SoughtWords {
            liked: liked.iter().map(|asked| asked.words.clone()).collect(),
            disliked: disliked.iter().map(|asked| asked.words.clone()).collect(),
        };
        let own = liked.iter().chain(&disliked);
        let sought = Sought {
            vector: direction(&liked, &disliked)?,
            title: direction_of_titles(&liked, &disliked),
            own: (own.filter_map(|asked| asked.own))
                .chain(self.older.iter().flat_map(|older| older.changed.clone()))
                .collect(),
            passing: self.passing(&options.filter)?,
            recall: options.recall,
            generation,
        };
        if options.mode == RelatedMode::Hybrid && self.store()?.lacks_all_titles()? {
            notes.push(String::from(
                "titles are not compared by meaning, as the library has no vectors of them: `syntopic embed` makes them",
            ));
        }
        let asked = liked.iter().chain(&disliked);
        let queries: Vec<&Paper> = asked.filter_map(|asked| asked.paper.as_ref()).collect();
        let seek = (&sought, &words, &queries[..]);
        let found = self.candidates(seek, options, &mut notes, progress)?;
        tell_of_no_words(&found, options.mode, &mut notes);
        let mut hits = self.described(found, &mut liked, &mut notes)?;
        self.name_shared_words(&mut hits, &words, options.mode)?;
        if options.explain {
            self.explain(&mut hits, &liked, &mut notes, progress)?;
        }
        let mut reports = liked.into_iter().map(|asked| asked.report);
        Ok(Related {
            query: reports.next().unwrap_or_default(),
            mode: options.mode,
            and: reports.collect(),
            not: disliked.into_iter().map(|asked| asked.report).collect(),
            filter: options.filter.clone(),
            hits: hits.into_iter().map(|(hit, _)| hit).collect(),
            notes,
        })
    }

    /// What to show, best first. `queries` are the papers among what was asked.
    fn candidates(
        &mut self,
        (sought, words, queries): (&Sought, &SoughtWords, &[&Paper]),
        options: &RelatedOptions,
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Shown>, LibraryError> {
        let pool = match options.diverse {
            true => POOL.max(options.k.saturating_mul(POOL_PER_HIT)),
            false => options.k,
        };
        let how = |depth| (options.mode, options.k, depth);
        let mut found = if options.all_versions {
            let found = self.ranked(sought, words, how(pool), notes, progress)?;
            self.all_versions(found)?
        } else {
            let mut depth = pool.saturating_add(BESIDE);
            loop {
                let mut told = Vec::new();
                let found = self.ranked(sought, words, how(depth), &mut told, progress)?;
                let all = found.len() < depth;
                let once = self.one_version(found, queries)?;
                if all || once.shown.len() >= pool {
                    notes.extend(told);
                    tell_of_own_versions(&once.of_queries, notes);
                    break once.shown;
                }
                depth = depth.saturating_mul(2);
            }
        };
        if options.diverse {
            return self.unlike_each_other(found, options.k);
        }
        found.truncate(options.k);
        Ok(found)
    }

    /// Says how many papers no search can find yet.
    fn tell_of_papers_without_vectors(&self, notes: &mut Vec<String>) -> Result<(), LibraryError> {
        if self.older.is_some() || !self.has_unembedded()? {
            return Ok(());
        }
        let n = self.n_papers()?.saturating_sub(self.catalogue()?.n_rows());
        if n > 0 {
            notes.push(format!(
                "{n} papers have no vector yet and are not found: `syntopic embed` makes them"
            ));
        }
        Ok(())
    }

    fn tell_of_cut_texts<'a>(
        &self,
        mut asked: impl Iterator<Item = &'a Asked>,
        notes: &mut Vec<String>,
    ) {
        let limit = self
            .embedder
            .as_ref()
            .map_or(0, |e| e.identity().max_tokens);
        if asked.any(|asked| asked.report.truncated) {
            notes.push(format!(
                "the text is longer than the model reads: its first {limit} tokens were compared"
            ));
        }
    }

    /// The library's vectors and their ids, for measurements.
    pub(crate) fn vectors(&mut self) -> Result<&Embeddings, LibraryError> {
        Ok(&self.load_snapshot()?.vectors)
    }
}

/// Says how many hits of the lexical mode share no word with the query.
fn tell_of_no_words(found: &[Shown], mode: RelatedMode, notes: &mut Vec<String>) {
    let without = (found.iter()).filter(|hit| hit.ranked.scores.lexical == Some(0.0));
    let n = without.count();
    if mode == RelatedMode::Lexical && n > 0 {
        notes.push(format!(
            "{n} of the hits share no word with the query: they are the nearest by meaning"
        ));
    }
}

/// Names the candidates that are no hits because they are versions of what was asked.
fn tell_of_own_versions(ids: &[String], notes: &mut Vec<String>) {
    if !ids.is_empty() {
        const NAMED: usize = 5;
        let named = ids[..ids.len().min(NAMED)].join(", ");
        let more = match ids.len().saturating_sub(NAMED) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        notes.push(format!(
            "versions of what was asked are no hits: {named}{more}"
        ));
    }
}
