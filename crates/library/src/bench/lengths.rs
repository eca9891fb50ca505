//! Throughput by length of text: how it falls as attention grows with the square of the length.

use super::input::{Input, Part};
use super::spread::{median, sorted};
use super::throughput::PEAK_FOR;
use super::{EmbedBench, Setting, input, machine, setting};
use crate::{Event, LibraryError, Progress};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Instant;
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{Embedder, TextKind};

/// Tokens that a pass over one length has at least, so that short texts take a time that can be measured.
const TOKENS: usize = 16_384;

/// Words by which the copies of a text start apart.
const STRIDE: usize = 7;

/// The figures of one length, medians over the passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LengthPoint {
    /// The length asked for, in tokens, special tokens included.
    pub length: usize,
    /// Texts a pass.
    pub texts: usize,
    /// The length they have, on average.
    pub tokens_mean: f64,
    /// Texts a second.
    pub sent_per_s: f64,
    /// Slowest and fastest pass, in texts a second.
    pub sent_per_s_range: (f64, f64),
    /// Tokens a second.
    pub tok_per_s: f64,
    /// Share of the machine's peak that was achieved.
    pub peak_share: f64,
}

/// A length that was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The length asked for.
    pub length: usize,
    /// Why.
    pub why: String,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LengthsReport {
    /// What ran, on what.
    #[serde(flatten)]
    pub setting: Setting,
    /// Where the words came from.
    pub input: String,
    /// Records of the input that are no papers, and were left out.
    pub skipped: usize,
    /// Passes; each runs every length once, so that noise hits all alike.
    pub repeat: usize,
    /// Measured multiply-add peak of this machine for the numbers that the mode multiplies, in billions of operations a
    /// second, on `threads` threads.
    pub peak_gops: f64,
    /// The instructions the peak was measured with.
    pub peak_instructions: String,
    /// Each length's figures, in the order asked for.
    pub points: Vec<LengthPoint>,
    /// The lengths that were not measured.
    pub left_out: Vec<LeftOut>,
    /// Most memory this process ever held, in MB (10^6 bytes); absent where the system does not tell.
    pub peak_rss_mb: Option<f64>,
}

/// Measures throughput over texts cut to each of `lengths` tokens, made of the words of the input.
///
/// # Errors
/// When the papers cannot be read, there are none, or the model cannot be had. Lengths that the model cannot read are
/// left out and named.
pub fn lengths(
    bench: &EmbedBench,
    lengths: &[usize],
    sources: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<LengthsReport, LibraryError> {
    let input = input::read(bench, Part::Whole, progress)?;
    let (embedder, setting) = setting::load(bench, sources, progress)?;
    let words = Words::of(&embedder, &input)?;
    let (mut runs, mut left_out) = (Vec::new(), Vec::new());
    for &length in lengths {
        match words.texts(length, setting.max_tokens, bench.limit) {
            Ok(texts) => runs.push(Run::of(length, texts)),
            Err(why) => left_out.push(LeftOut { length, why }),
        }
    }
    let peak = embedder.measure_peak(setting.threads, PEAK_FOR)?;
    let repeat = bench.repeat.max(1);
    if let Some(first) = runs.first() {
        setting::warm_up(&embedder, &first.texts)?;
    }
    for pass in 0..repeat {
        let of = runs.len() * repeat;
        for (i, run) in runs.iter_mut().enumerate() {
            run.pass(&embedder)?;
            let done = pass * (of / repeat) + i + 1;
            if progress(Event::Embedding { done, of }).is_break() && done < of {
                return Err(LibraryError::Cancelled { papers: 0 });
            }
        }
    }
    Ok(LengthsReport {
        setting,
        input: input.name.clone(),
        skipped: input.skipped,
        repeat,
        peak_gops: peak.gops,
        peak_instructions: peak.instructions.to_owned(),
        points: runs.iter().map(|r| r.point(&embedder, peak.gops)).collect(),
        left_out,
        peak_rss_mb: machine::peak_rss_mb(),
    })
}

/// The texts of one length, and what their passes took.
struct Run {
    length: usize,
    texts: Vec<String>,
    tokens: Vec<usize>,
    wall_s: Vec<f64>,
}

impl Run {
    fn of(length: usize, texts: Vec<String>) -> Self {
        Self {
            length,
            texts,
            tokens: Vec::new(),
            wall_s: Vec::new(),
        }
    }

    fn pass(&mut self, embedder: &Embedder) -> Result<(), LibraryError> {
        let start = Instant::now();
        let embedded = embedder.embed(&self.texts, TextKind::Document, &mut |_| {
            std::ops::ControlFlow::Continue(())
        })?;
        self.wall_s.push(start.elapsed().as_secs_f64());
        self.tokens = embedded.tokens;
        Ok(())
    }

    fn point(&self, embedder: &Embedder, peak_gops: f64) -> LengthPoint {
        let texts = self.texts.len() as f64;
        let tokens = self.tokens.iter().sum::<usize>() as f64;
        let work: f64 = self.tokens.iter().map(|t| embedder.operations(*t)).sum();
        let times = sorted(self.wall_s.iter().copied());
        let wall_s = median(times.iter().copied()).unwrap_or(f64::NAN);
        let rate = |time: Option<&f64>| time.map_or(f64::NAN, |t| texts / t);
        LengthPoint {
            length: self.length,
            texts: self.texts.len(),
            tokens_mean: tokens / texts,
            sent_per_s: texts / wall_s,
            sent_per_s_range: (rate(times.last()), rate(times.first())),
            tok_per_s: tokens / wall_s,
            peak_share: work / wall_s / 1e9 / peak_gops,
        }
    }
}

/// A word and its tokens.
type Word<'a> = (&'a str, usize);

/// The words of the input.
struct Words<'a> {
    /// Those of each text, none without words.
    texts: Vec<Vec<Word<'a>>>,
    /// Tokens that every text has whatever its words: the special ones and the prompt's.
    base: usize,
}

impl<'a> Words<'a> {
    fn of(embedder: &Embedder, input: &'a Input) -> Result<Self, LibraryError> {
        let count = |text: &str| embedder.tokenize(text).map(|tokens| tokens.ids.len());
        let special = count("")?;
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut texts = Vec::with_capacity(input.texts.len());
        for text in &input.texts {
            let mut words = Vec::new();
            // A word is a token at least, so that no more of them are ever read.
            for word in text.split_whitespace().take(embedder.identity().max_tokens) {
                let tokens = match known.get(word) {
                    Some(tokens) => *tokens,
                    None => count(word)?.saturating_sub(special),
                };
                known.insert(word, tokens);
                words.push((word, tokens));
            }
            texts.push(words);
        }
        texts.retain(|words| words.iter().any(|(_, tokens)| *tokens > 0));
        let base = count(&embedder.identity().document_prompt)?;
        Ok(Self { texts, base })
    }

    /// Texts of `length` tokens: `limit` of them, or else one for each of the input and as many as make [`TOKENS`] tokens.
    fn texts(
        &self,
        length: usize,
        max_tokens: usize,
        limit: Option<usize>,
    ) -> Result<Vec<String>, String> {
        if length > max_tokens {
            return Err(format!("the model reads {max_tokens} tokens at most"));
        }
        if length <= self.base {
            return Err(format!(
                "{} tokens stand in every text (special ones, prompt)",
                self.base
            ));
        }
        if self.texts.is_empty() {
            return Err(String::from("the input has no words"));
        }
        let n = self.texts.len();
        let texts = limit.unwrap_or_else(|| n.max(TOKENS.div_ceil(length)));
        let text = |i: usize| cut(&self.texts[i % n], (i / n) * STRIDE, length - self.base);
        Ok((0..texts).map(text).collect())
    }
}

/// Words from the `start`th on, round and round, that have `tokens` tokens together; fewer where no word fills the rest.
fn cut(words: &[Word<'_>], start: usize, tokens: usize) -> String {
    let (mut text, mut left, mut unfit) = (String::new(), tokens, 0);
    let mut next = words.iter().cycle().skip(start % words.len().max(1));
    while let Some((word, tokens)) = next.next()
        && left > 0
        && unfit < words.len()
    {
        if *tokens == 0 || *tokens > left {
            unfit += 1;
            continue;
        }
        (unfit, left) = (0, left - tokens);
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_to_the_token() {
        let words = [("a", 1), ("bbb", 3), ("cc", 2), ("-", 0)];
        assert_eq!(cut(&words, 0, 4), "a bbb");
        assert_eq!(cut(&words, 0, 6), "a bbb cc");
        assert_eq!(cut(&words, 0, 9), "a bbb cc a cc");
        assert_eq!(cut(&words, 2, 5), "cc a cc");
        assert_eq!(cut(&words[1..2], 0, 8), "bbb bbb", "no word fills the rest");
        assert_eq!(cut(&words[3..], 0, 8), "");
        assert_eq!(cut(&[], 3, 8), "");
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_by_name() {
        let words = Words {
            texts: vec![vec![("a", 1)], vec![("b", 1)]],
            base: 2,
        };
        assert!(
            words
                .texts(300, 256, None)
                .is_err_and(|why| why.contains("256"))
        );
        assert!(
            words
                .texts(2, 256, None)
                .is_err_and(|why| why.contains('2'))
        );
        assert_eq!(words.texts(4, 256, Some(3)).unwrap(), ["a a", "b b", "a a"]);
        assert_eq!(words.texts(256, 256, None).unwrap().len(), 64);
    }
}
