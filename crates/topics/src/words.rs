//! A text to runs of words that a phrase may be cut from.
//!
//! A word is a run of Unicode letters and digits, with single hyphens inside; a character of a script written without spaces
//! (Chinese, Japanese, Thai) is a word of its own. Any other sign ends the run, so that no phrase crosses a punctuation mark.

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// As it is shown.
    pub(crate) surface: String,
    /// What variants share: lower case, no hyphen, singular.
    pub(crate) key: String,
    /// The parts between hyphens, lower case; empty when there is no hyphen.
    pub(crate) parts: Vec<String>,
    /// Whether it is a character of a script without spaces.
    pub(crate) unspaced: bool,
}

/// Longer words are no words (a URL, a formula, base64) and end a run.
const LONGEST_WORD: usize = 40;

/// The runs of words between punctuation marks.
pub(crate) fn runs(text: &str) -> Vec<Vec<Word>> {
    let mut runs = Vec::new();
    let mut run: Vec<Word> = Vec::new();
    let mut word = String::new();
    let mut sentence_start = true;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let joins = is_hyphen(c)
            && !word.is_empty()
            && characters.peek().is_some_and(|next| next.is_alphanumeric());
        if joins {
            word.push('-');
            continue;
        }
        if c.is_alphanumeric() && !is_unspaced(c) {
            word.push(c);
            continue;
        }
        if c == '\\' {
            if skip_tex(&mut characters) {
                continue;
            }
        } else if matches!(c, '{' | '}') {
            continue;
        }
        let whole = push_word(&mut run, &mut word, &mut sentence_start);
        if is_unspaced(c) {
            run.push(Word {
                surface: c.to_string(),
                key: c.to_string(),
                parts: Vec::new(),
                unspaced: true,
            });
            continue;
        }
        if !(c.is_whitespace() && whole) {
            runs.push(std::mem::take(&mut run));
            sentence_start |= matches!(c, '.' | '!' | '?' | ':' | ';' | '。');
        }
    }
    push_word(&mut run, &mut word, &mut sentence_start);
    runs.push(run);
    runs.retain(|run| !run.is_empty());
    runs
}

/// After a backslash: a TeX accent is passed over, so that `Schr\"{o}dinger` stays a word (true); a command's name is too, but ends
/// the run (false).
fn skip_tex(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    if characters
        .next_if(|c| matches!(c, '"' | '\'' | '`' | '^' | '~' | '=' | '.'))
        .is_some()
    {
        return true;
    }
    while characters.next_if(char::is_ascii_alphabetic).is_some() {}
    false
}

/// Ends the word being read. Whether it was none or a usable one.
fn push_word(run: &mut Vec<Word>, word: &mut String, sentence_start: &mut bool) -> bool {
    if word.is_empty() {
        return true;
    }
    let read = std::mem::take(word);
    let usable = read.chars().count() <= LONGEST_WORD;
    if usable {
        let surface = if std::mem::take(sentence_start) {
            without_sentence_capital(&read)
        } else {
            read
        };
        let lower = surface.to_lowercase();
        let parts = if lower.contains('-') {
            lower.split('-').map(str::to_owned).collect()
        } else {
            Vec::new()
        };
        let key = singular(&lower.replace('-', ""));
        run.push(Word {
            surface,
            key,
            parts,
            unspaced: false,
        });
    }
    usable
}

/// `Self-supervised` to `self-supervised` at the start of a sentence, but `BERT` and `SelfCodeAlign` as they are.
fn without_sentence_capital(word: &str) -> String {
    let mut characters = word.chars();
    match characters.next() {
        Some(first) if characters.clone().all(|c| !c.is_uppercase()) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => word.to_owned(),
    }
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}')
}

/// Scripts written without spaces: Thai, Lao, Khmer, Japanese kana, Chinese characters.
fn is_unspaced(c: char) -> bool {
    c.is_alphanumeric()
        && matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1780}'..='\u{17FF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// The singular of a lower-case English word by its ending; wrong ones are wrong alike for all variants, which is all a key needs.
fn singular(word: &str) -> String {
    if word.len() <= 3 || !word.is_ascii() {
        return word.to_owned();
    }
    let ending = |end: &str| word.strip_suffix(end);
    if let Some(stem) = ending("ies") {
        return format!("{stem}y");
    }
    for sibilant in ["sses", "ches", "shes", "xes"] {
        if ending(sibilant).is_some() {
            return word[..word.len() - 2].to_owned();
        }
    }
    match ending("s") {
        Some(stem) if !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surfaces(text: &str) -> Vec<Vec<String>> {
        runs(text)
            .into_iter()
            .map(|run| run.into_iter().map(|w| w.surface).collect())
            .collect()
    }

    #[test]
    fn punctuation_ends_a_run_and_hyphens_do_not() {
        assert_eq!(
            surfaces("Self-supervised learning (SSL), LLMs' use. BERT wins"),
            [
                vec!["self-supervised", "learning"],
                vec!["SSL"],
                vec!["LLMs"],
                vec!["use"],
                vec!["BERT", "wins"]
            ]
        );
        assert_eq!(surfaces("a - b -- c-"), [vec!["a"], vec!["b"], vec!["c"]]);
    }

    #[test]
    fn variants_share_a_key() {
        let key = |text: &str| {
            runs(text)[0]
                .iter()
                .map(|w| w.key.clone())
                .collect::<String>()
        };
        assert_eq!(key("pre-training"), key("pre training"));
        assert_eq!(key("Pretraining"), key("pre-training"));
        assert_eq!(key("Large Language Models"), key("large language model"));
        assert_eq!(key("studies"), key("study"));
        assert_ne!(key("analysis"), key("analysi"));
    }

    #[test]
    fn tex_accents_are_inside_words_and_commands_are_not() {
        assert_eq!(
            surfaces(r#"the Schr\"{o}dinger and Poincar\'e $\mathbb{R}$ end"#)[0],
            ["the", "Schrodinger", "and", "Poincare"]
        );
        assert!(surfaces(r"a \").len() == 1);
    }

    #[test]
    fn other_scripts_are_words() {
        assert_eq!(
            surfaces("自监督, Самообучение для сегментации")[0],
            ["自", "监", "督"]
        );
        assert_eq!(surfaces("Самообучение для"), [["самообучение", "для"]]);
        assert!(runs(" \u{200b}.,;").is_empty());
        assert!(runs(&"x".repeat(100)).is_empty());
    }
}
