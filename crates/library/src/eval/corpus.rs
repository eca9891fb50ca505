//! The papers of a judged file as a library has them, in memory, and what `related` would look at of each judged pair.
//!
//! Not for: the order of the pairs, nor the figures (`related.rs`).

use super::queries::Question;
use crate::fuse::first_hits;
use crate::lexical::{Fields, FieldsBuilder, Words};
use crate::nearness::Nearness;
use crate::related::DISLIKE;
use crate::titles::{likeness, title_vectors};
use crate::{Event, LibraryError, Progress, model};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use syntopic_core::{Embeddings, Paper, Row, dot, paper_text};
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{EmbedOptions, Embedder, TextKind};
use syntopic_index::blend;

/// Papers as a library has them.
pub(super) struct Corpus {
    row_of: BTreeMap<String, usize>,
    vectors: Embeddings,
    titles: Vec<Option<Vec<f32>>>,
    words: Vec<Words>,
    lexicon: Fields,
    embedder: Embedder,
}

/// A query as it is searched with.
struct Sought {
    vector: Vec<f32>,
    title: Option<Vec<f32>>,
    words: Vec<Words>,
    /// Rows of the papers that were asked with: no hits.
    own: Vec<usize>,
}

/// A judged paper of a query.
pub(super) struct Pair<'j> {
    pub(super) paper: &'j str,
    pub(super) grade: f64,
    pub(super) cosine: f32,
    /// Of the titles.
    pub(super) title: Option<f32>,
    /// As the hybrid mode counts it.
    pub(super) near: f32,
    pub(super) lexical: f32,
}

impl Corpus {
    pub(super) fn new(
        papers: Vec<Paper>,
        spec: Option<&str>,
        progress: &mut Progress<'_>,
    ) -> Result<Self, LibraryError> {
        let sources = ResolveOptions::from_env();
        let embedder = model::load(spec, &sources, EmbedOptions::default(), None, progress)?;
        let texts: Vec<String> = papers.iter().map(paper_text).collect();
        let embedded = embedder.embed(&texts, TextKind::Document, &mut |p| {
            progress(Event::Embedding {
                done: p.done,
                of: p.of,
            })
        })?;
        let titles = title_vectors(&embedder, &papers, &embedded.vectors)?;
        let of = |paper: &Paper| Words::of_paper(&paper.title, paper.abstract_text.as_deref());
        let words: Vec<Words> = papers.iter().map(of).collect();
        let mut builder = FieldsBuilder::default();
        words.iter().for_each(|words| builder.push(words));
        let ids = papers.iter().map(|paper| paper.id.to_string());
        Ok(Self {
            row_of: ids.zip(0..).collect(),
            vectors: embedded.vectors,
            titles,
            words,
            lexicon: builder.finish()?,
            embedder,
        })
    }

    /// The model's name.
    pub(super) fn model(&self) -> &str {
        &self.embedder.identity().name
    }

    /// How many papers.
    pub(super) fn n_papers(&self) -> usize {
        self.row_of.len()
    }

    fn row(&self, place: usize) -> &[f32] {
        self.vectors.row(Row::from_index(place))
    }

    /// What is looked at of each judged paper of a query: of the paper of that id where no other question is given.
    pub(super) fn pairs<'j>(
        &self,
        (query, question): (&str, Option<&Question>),
        papers: &'j BTreeMap<String, f64>,
    ) -> Result<Vec<Pair<'j>>, LibraryError> {
        let sought = match question {
            None => self.papers(&[query])?,
            Some(Question::Like(ids)) => {
                self.papers(&ids.iter().map(String::as_str).collect::<Vec<_>>())?
            }
            Some(Question::Text(text)) => self.text(text)?,
        };
        let lexical = self.lexical(&sought.words)?;
        let n_rows = self.vectors.n_rows();
        let near = Nearness::new(&sought.vector, n_rows, |row| Ok(self.vectors.row(row)))?;
        // As in a library, the first hits are those among all papers but those asked with.
        let others = (0..n_rows).filter(|other| !sought.own.contains(other));
        let others: Vec<usize> = others.collect();
        let candidates = others.iter();
        let candidates = candidates.map(|&other| (self.row(other), lexical[other]));
        let first = first_hits(&near, candidates);
        let near = near.drawn(first.iter().map(|&at| self.row(others[at])));
        let pair = |(paper, &grade): (&'j String, &f64)| {
            let other = self.row_of[paper];
            let cosine = dot(&sought.vector, self.row(other));
            let theirs = self.titles[other].as_deref();
            let title = sought.title.as_deref();
            Pair {
                paper,
                grade,
                cosine,
                title: title.map(|asked| likeness(asked, theirs, cosine)),
                near: near.of(self.row(other)),
                lexical: lexical[other],
            }
        };
        Ok(papers.iter().map(pair).collect())
    }

    /// Papers that are liked together, which are known: as `related` asks with several.
    fn papers(&self, ids: &[&str]) -> Result<Sought, LibraryError> {
        let own: Vec<usize> = ids.iter().map(|&id| self.row_of[id]).collect();
        let titles = own.iter().map(|&row| self.titles[row].as_deref());
        let titles: Option<Vec<&[f32]>> = titles.collect();
        let vectors: Vec<&[f32]> = own.iter().map(|&row| self.row(row)).collect();
        let one = |all: &[&[f32]]| match all {
            [one] => Ok(one.to_vec()),
            all => blend(all, &[], DISLIKE),
        };
        Ok(Sought {
            vector: one(&vectors)?,
            title: titles.and_then(|titles| one(&titles).ok()),
            words: own.iter().map(|&row| self.words[row].clone()).collect(),
            own,
        })
    }

    /// A text, which stands for its title too, with the prompt that the model has for queries.
    fn text(&self, text: &str) -> Result<Sought, LibraryError> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut go_on = |_| ControlFlow::Continue(());
        let embedded = (self.embedder).embed(&[&text], TextKind::Query, &mut go_on)?;
        let vector = embedded.vectors.row(Row(0)).to_vec();
        Ok(Sought {
            title: Some(vector.clone()),
            vector,
            words: vec![Words::of_text(&text)],
            own: Vec::new(),
        })
    }

    /// For each row the mean likeness of words.
    fn lexical(&self, words: &[Words]) -> Result<Vec<f32>, LibraryError> {
        let mut sum = vec![0f32; self.lexicon.n_rows()];
        for query in words {
            let share = 1.0 / words.len() as f32;
            let scores = self.lexicon.scores(query)?;
            (sum.iter_mut().zip(scores)).for_each(|(sum, score)| *sum += share * score);
        }
        Ok(sum)
    }
}
