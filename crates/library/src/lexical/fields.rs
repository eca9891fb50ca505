//! The words of a paper as two fields, the whole text and the title alone, and likeness by both.
//!
//! Not for: meaning, nor files.

use super::lexicon::{Lexicon, LexiconBuilder, TITLE_WEIGHT, Terms, terms};
use syntopic_index::IndexError;

/// What likeness of titles counts beside a likeness of whole texts of 1: it finds the paper that is looked for by its title.
const TITLE: f32 = 0.2;

/// The words of a query or a paper.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Words {
    /// Those of title and abstract.
    pub(crate) whole: Terms,
    /// Those that are compared with titles.
    pub(crate) title: Terms,
}

impl Words {
    /// Those of a paper.
    pub(crate) fn of_paper(title: &str, text: Option<&str>) -> Self {
        Self {
            whole: terms(&[(title, TITLE_WEIGHT), (text.unwrap_or_default(), 1)]),
            title: terms(&[(title, 1)]),
        }
    }

    /// Those of a text that may be a title, an abstract, or words.
    pub(crate) fn of_text(text: &str) -> Self {
        let whole = terms(&[(text, 1)]);
        let title = whole.clone();
        Self { whole, title }
    }
}

/// The indexes of both fields, over the same rows.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(super) whole: Lexicon,
    pub(super) titles: Lexicon,
}

/// Collects rows one after the other.
#[derive(Default)]
pub(crate) struct FieldsBuilder {
    whole: LexiconBuilder,
    titles: LexiconBuilder,
}

impl FieldsBuilder {
    /// Adds the next row.
    pub(crate) fn push(&mut self, words: &Words) {
        self.whole.push(&words.whole);
        self.titles.push(&words.title);
    }

    /// The indexes over all rows.
    ///
    /// # Errors
    /// When one is more than the address space.
    pub(crate) fn finish(self) -> Result<Fields, IndexError> {
        Ok(Fields {
            whole: self.whole.finish()?,
            titles: self.titles.finish()?,
        })
    }
}

impl Fields {
    /// How many rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.whole.n_rows()
    }

    /// The index of whole texts, which knows how rare a word is.
    pub(crate) fn whole(&self) -> &Lexicon {
        &self.whole
    }

    /// How like a query each row is by the words they share, in the whole text and, counting less, in the title: 0 shares
    /// none, 1 is the same text. Larger is more similar.
    ///
    /// # Errors
    /// When a place of a file that is looked at is damaged.
    pub(crate) fn scores(&self, query: &Words) -> Result<Vec<f32>, IndexError> {
        let mut scores = self.whole.scores(&query.whole)?;
        let titles = self.titles.scores(&query.title)?;
        (scores.iter_mut().zip(titles))
            .for_each(|(score, title)| *score = (*score + TITLE * title) / (1.0 + TITLE));
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_counts_beside_the_whole_text() {
        let papers = [
            ("Masked autoencoders", "Graphs are learnt."),
            ("Learning graphs", "By masked autoencoders."),
            ("Markets", ""),
        ];
        let words = papers.map(|(title, text)| Words::of_paper(title, Some(text)));
        let mut builder = FieldsBuilder::default();
        words.iter().for_each(|words| builder.push(words));
        let fields = builder.finish().unwrap();
        for (row, words) in words.iter().enumerate() {
            assert!((fields.scores(words).unwrap()[row] - 1.0).abs() < 1e-5);
        }
        let found = fields
            .scores(&Words::of_text("masked autoencoders"))
            .unwrap();
        assert!(
            found[0] > found[1] && found[1] > 0.0 && found[2] == 0.0,
            "{found:?}"
        );
        let whole = fields
            .whole()
            .scores(&Words::of_text("masked autoencoders").whole)
            .unwrap();
        assert!(found[1] < whole[1], "no word of it is in that title");
    }
}
