//! Where the sentences of an abstract end.
//!
//! Not for: words (`lexical/words.rs`) or tokens.

/// Words that a full stop follows without ending a sentence, in lower case and without their last stop.
const ABBREVIATIONS: [&str; 31] = [
    "al", "approx", "ca", "cf", "ch", "dr", "e.g", "ed", "eds", "eq", "eqn", "eqs", "fig", "figs",
    "i.e", "incl", "mr", "mrs", "ms", "pp", "prof", "ref", "refs", "resp", "sec", "sect", "st",
    "tab", "viz", "vol", "vs",
];

/// The sentences of `text` in order, trimmed, none empty. A sentence ends at `.`, `!` or `?` (with the quotes and brackets
/// that close there) before white space and a capital, a digit or an opening mark; not after an abbreviation, an initial or "No."
/// before a number. Decimals have no white space and end nothing. The full-width marks of Chinese and Japanese always end one.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut marks = text.char_indices().peekable();
    while let Some((at, mark)) = marks.next() {
        let mut end = at + mark.len_utf8();
        let wide = matches!(mark, '。' | '！' | '？');
        if !wide && !matches!(mark, '.' | '!' | '?') {
            continue;
        }
        while let Some(&(_, next)) = marks.peek()
            && matches!(next, '.' | '!' | '?' | ')' | ']' | '"' | '\'' | '”' | '’')
        {
            marks.next();
            end += next.len_utf8();
        }
        if wide || ends(&text[start..at], mark, &text[end..]) {
            found.push(text[start..end].trim());
            start = end;
        }
    }
    found.push(text[start..].trim());
    found.retain(|sentence| sentence.chars().any(char::is_alphanumeric));
    found
}

/// Whether `mark`, between these two texts, ends a sentence.
fn ends(before: &str, mark: char, after: &str) -> bool {
    let next = after.trim_start().chars().next();
    let begins =
        |c: char| c.is_uppercase() || c.is_numeric() || !c.is_ascii() || "([\"'$\\".contains(c);
    if !after.starts_with(char::is_whitespace) || !next.is_none_or(begins) {
        return next.is_none();
    }
    if mark != '.' {
        return true;
    }
    let word = before.rsplit(|c: char| c.is_whitespace() || "([\"'".contains(c));
    let word = word.into_iter().next().unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let lower = word.to_lowercase();
    let number = lower == "no" && next.is_some_and(char::is_numeric);
    !(initial || number || ABBREVIATIONS.binary_search(&lower.as_str()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_they_end() {
        let all = |text| sentences(text);
        assert_eq!(
            all("One. Two! Three? Four"),
            ["One.", "Two!", "Three?", "Four"]
        );
        assert_eq!(all(""), [""; 0]);
        assert_eq!(all(" . … "), [""; 0]);
        for one in [
            "We follow Smith et al. We do not split here.",
            "Losses, e.g. Hinge, fall by 3.5 points.",
            "As Fig. 3 and Eq. 2 show, i.e. Clearly, it works.",
            "J. Smith and A. B. Jones met Dr. Who.",
            "It costs 0.5 vs. 1.25 of No. 5.",
            "See arxiv.org and example.com for v1.2.3",
            "an approx. 3 percent gain",
        ] {
            assert_eq!(all(one), [one]);
        }
        assert_eq!(
            all("It gains 3.5. We (see Sec. 2) agree.) \"Yes.\" No. 5 follows."),
            [
                "It gains 3.5.",
                "We (see Sec. 2) agree.)",
                "\"Yes.\"",
                "No. 5 follows."
            ]
        );
        assert_eq!(
            all("Is it so?! Yes... 12 do."),
            ["Is it so?!", "Yes...", "12 do."]
        );
        assert_eq!(all("第一句。第二句！"), ["第一句。", "第二句！"]);
        assert_eq!(
            all("etc. and so on. \n Next."),
            ["etc. and so on.", "Next."]
        );
        assert!(ABBREVIATIONS.is_sorted());
    }
}
