//! What the fuzz target of this crate does, and the short run of it among the ordinary tests (`../src/wordpiece.rs`).

use crate::wordpiece::WordPiece;
use std::sync::OnceLock;
use tokenizers::{Tokenizer, TruncationParams};

/// Where texts are cut, in tokens.
const CUTS: [usize; 5] = [2, 3, 5, 16, 128];

struct Both {
    tokenizer: Tokenizer,
    quick: WordPiece,
}

/// Two tokenizers of the reference models, with and without the case of letters, each cut at every number of tokens.
fn all() -> &'static [Both] {
    static ALL: OnceLock<Vec<Both>> = OnceLock::new();
    ALL.get_or_init(|| {
        let files: [&[u8]; 2] = [
            include_bytes!("../../../tests/reference/tiny/bert-cls/tokenizer.json"),
            include_bytes!("../../../tests/reference/tiny/bert-mean-cased-dense/tokenizer.json"),
        ];
        let both = |(file, max_length)| {
            let mut tokenizer = Tokenizer::from_bytes(file).expect("a tokenizer");
            tokenizer.with_padding(None);
            tokenizer.with_truncation(None).expect("no truncation");
            let quick = WordPiece::of(&tokenizer).expect("a BERT tokenizer");
            let cut = TruncationParams {
                max_length,
                ..TruncationParams::default()
            };
            tokenizer.with_truncation(Some(cut)).expect("a truncation");
            Both { tokenizer, quick }
        };
        let cuts = |file| CUTS.into_iter().map(move |cut| (file, cut));
        files.into_iter().flat_map(cuts).map(both).collect()
    })
}

/// The first byte says which tokenizer and cut, the rest is the text.
///
/// # Panics
/// Where the ids are not those of the tokenizers crate.
pub(crate) fn same_ids(bytes: &[u8]) {
    let Some((which, text)) = bytes.split_first() else {
        return;
    };
    let which = usize::from(*which) % all().len();
    let (both, most) = (&all()[which], CUTS[which % CUTS.len()]);
    let text = String::from_utf8_lossy(text);
    let slow = both.tokenizer.encode_fast(&*text, true).expect("any text");
    let quick = both.quick.encode(&text, most, &both.tokenizer);
    let Some(quick) = quick.expect("any text") else {
        return;
    };
    assert_eq!(quick.ids, slow.get_ids(), "{text:?} cut at {most}");
    let cut = !slow.get_overflowing().is_empty();
    assert_eq!(quick.truncated, cut, "{text:?} cut at {most}");
}
