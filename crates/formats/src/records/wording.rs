//! Text of sources that write HTML or LaTeX in titles and abstracts, as plain text. Formulas stay as they are: `$x^2$` says
//! more than anything that could be made of it. Not for: whole documents of either.

use std::borrow::Cow;

/// Entities as what they stand for, the tags of emphasis and of paragraphs left out, LaTeX's accents, dashes and commands
/// of emphasis as what they print.
pub(crate) fn plain(text: &str) -> String {
    let text = without_tags(text);
    let text = html_escape::decode_html_entities(&text);
    // What was written as &lt;i&gt; is a tag now, and no more than that.
    let text = without_tags(&text);
    if text.contains('\\') || text.contains('{') {
        latex(&text)
    } else {
        text.into_owned()
    }
}

/// The tags that titles and abstracts are written with, with whether they end a word.
const TAGS: [(&str, bool); 22] = [
    ("i", false),
    ("b", false),
    ("u", false),
    ("em", false),
    ("strong", false),
    ("sub", false),
    ("sup", false),
    ("span", false),
    ("tt", false),
    ("scp", false),
    ("italic", false),
    ("bold", false),
    ("jats:italic", false),
    ("jats:bold", false),
    ("jats:sub", false),
    ("jats:sup", false),
    ("jats:p", true),
    ("jats:title", true),
    ("jats:sec", true),
    ("p", true),
    ("br", true),
    ("div", true),
];

/// Without the tags above; `a < b` and the like stay.
fn without_tags(text: &str) -> Cow<'_, str> {
    if !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match tag(rest) {
            Some((length, ends_word)) => {
                if ends_word {
                    out.push(' ');
                }
                rest = &rest[length..];
            }
            None => {
                out.push('<');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Length of the known tag that `text` begins with, and whether it ends a word.
fn tag(text: &str) -> Option<(usize, bool)> {
    const LONGEST: usize = 200;
    let end = text.bytes().take(LONGEST).position(|b| b == b'>')?;
    let inside = text[1..end].trim_start_matches('/').trim_end_matches('/');
    if inside.starts_with(|c: char| c.is_ascii_whitespace()) {
        return None;
    }
    let name = inside.split_ascii_whitespace().next()?.to_ascii_lowercase();
    let known = TAGS.iter().find(|(tag, _)| *tag == name)?;
    Some((end + 1, known.1))
}

/// Accents over the letter that follows, by the letter of the command: combining characters of Unicode.
const ACCENTS: [(char, char); 14] = [
    ('\'', '\u{301}'),
    ('`', '\u{300}'),
    ('^', '\u{302}'),
    ('"', '\u{308}'),
    ('~', '\u{303}'),
    ('=', '\u{304}'),
    ('.', '\u{307}'),
    ('u', '\u{306}'),
    ('v', '\u{30c}'),
    ('H', '\u{30b}'),
    ('c', '\u{327}'),
    ('k', '\u{328}'),
    ('r', '\u{30a}'),
    ('d', '\u{323}'),
];

/// Commands that print a letter or a sign.
const SIGNS: [(&str, &str); 22] = [
    ("ss", "ß"),
    ("ae", "æ"),
    ("AE", "Æ"),
    ("oe", "œ"),
    ("OE", "Œ"),
    ("o", "ø"),
    ("O", "Ø"),
    ("l", "ł"),
    ("L", "Ł"),
    ("aa", "å"),
    ("AA", "Å"),
    ("i", "ı"),
    ("j", "ȷ"),
    ("textendash", "–"),
    ("textemdash", "—"),
    ("textquoteright", "’"),
    ("textquoteleft", "‘"),
    ("ldots", "…"),
    ("dots", "…"),
    ("textasciitilde", "~"),
    ("LaTeX", "LaTeX"),
    ("TeX", "TeX"),
];

/// Commands that print what they are given.
const SHOWS: [&str; 14] = [
    "textit",
    "textbf",
    "emph",
    "texttt",
    "textsc",
    "textsf",
    "textrm",
    "text",
    "mbox",
    "underline",
    "url",
    "textsuperscript",
    "textsubscript",
    "mathrm",
];

/// LaTeX outside of formulas as what it prints; what is not known stays.
fn latex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            '$' => {
                let end = formula(rest);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            '\\' => match command(rest) {
                Some((length, printed)) => {
                    out.push_str(&printed);
                    rest = &rest[length..];
                }
                None => {
                    out.push('\\');
                    rest = &rest[1..];
                }
            },
            // Braces that only keep words together.
            '{' | '}' => rest = &rest[1..],
            c => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// Bytes of the formula that `text` begins with, its dollars included; all the rest where it does not end.
fn formula(text: &str) -> usize {
    let bytes = text.as_bytes();
    let dollars = |at: usize| 1 + usize::from(bytes.get(at + 1) == Some(&b'$'));
    let opened_by = dollars(0);
    let mut at = opened_by;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'$' => return at + dollars(at).min(opened_by),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Length and print of the command that `text` begins with; `None` where it is not known.
fn command(text: &str) -> Option<(usize, String)> {
    let after = &text[1..];
    let first = after.chars().next()?;
    if let Some(found) = accent(after, first) {
        return Some((1 + found.0, found.1));
    }
    if matches!(first, '&' | '%' | '#' | '_' | '{' | '}' | '$') {
        return Some((2, first.to_string()));
    }
    if matches!(first, ' ' | '\\' | ',' | ';' | ':' | '/' | '-' | '@' | '\n') {
        let prints = if matches!(first, '/' | '-' | '@') {
            ""
        } else {
            " "
        };
        return Some((2, prints.to_owned()));
    }
    let name_length = after.bytes().take_while(u8::is_ascii_alphabetic).count();
    let name = &after[..name_length];
    if let Some((_, sign)) = SIGNS.iter().find(|(known, _)| *known == name) {
        // A blank after a command of letters belongs to it.
        let blank = usize::from(after[name_length..].starts_with(' '));
        return Some((1 + name_length + blank, (*sign).to_owned()));
    }
    let shows = SHOWS.contains(&name) && after[name_length..].starts_with('{');
    // The braces go with all others.
    shows.then(|| (1 + name_length, String::new()))
}

/// The accented letter that `after` the backslash stands for, and how many bytes it takes.
fn accent(after: &str, first: char) -> Option<(usize, String)> {
    let combining = ACCENTS.iter().find(|(name, _)| *name == first)?.1;
    let rest = &after[first.len_utf8()..];
    let braces = rest.starts_with('{');
    let blank = usize::from(!braces && first.is_ascii_alphabetic() && rest.starts_with(' '));
    if first.is_ascii_alphabetic() && !braces && blank == 0 {
        // \chi is no accent.
        return None;
    }
    let inside = &rest[usize::from(braces) + blank..];
    let (letter, length) = match inside.strip_prefix('\\') {
        Some(dotless) if dotless.starts_with(['i', 'j']) => (dotless.chars().next()?, 2),
        _ => {
            let letter = inside.chars().next()?;
            (letter, letter.len_utf8())
        }
    };
    if !letter.is_alphabetic() || (braces && !inside[length..].starts_with('}')) {
        return None;
    }
    let length = first.len_utf8() + 2 * usize::from(braces) + blank + length;
    Some((length, composed(letter, combining)))
}

/// The letter with its accent, as one character where Unicode has it.
fn composed(letter: char, combining: char) -> String {
    unicode_normalization::char::compose(letter, combining)
        .map_or_else(|| [letter, combining].iter().collect(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_tags_become_text() {
        for (source, text) in [
            (
                "R&amp;D &lt;3 &#946;-agonist &eacute;",
                "R&D <3 β-agonist é",
            ),
            ("H<sub>2</sub>O and <i>E. coli</i>", "H2O and E. coli"),
            ("&lt;i&gt;in vivo&lt;/i&gt;", "in vivo"),
            ("<jats:p>One.</jats:p><jats:p>Two.</jats:p>", " One.  Two. "),
            ("a < b and c > d", "a < b and c > d"),
            ("List<T> of <unknown>", "List<T> of <unknown>"),
            ("&nosuch; & &", "&nosuch; & &"),
        ] {
            assert_eq!(plain(source), text, "{source}");
        }
    }

    #[test]
    fn latex_becomes_what_it_prints() {
        for (source, text) in [
            (
                r#"Erd\H{o}s, G\"odel and na\"{\i}ve caf{\'e}"#,
                "Erdős, Gödel and naïve café",
            ),
            (
                r"\'Ecole, \v{S}koda, \c c, \o rsted, \ss",
                "École, Škoda, ç, ørsted, ß",
            ),
            (r"\emph{two} of \textbf{the {DNA}}", "two of the DNA"),
            (
                r"50\% of $x_{\alpha}^2 < \$3$ and \alpha",
                r"50% of $x_{\alpha}^2 < \$3$ and \alpha",
            ),
            (r"\LaTeX\ is \TeX", "LaTeX is TeX"),
            (r"\chi and \cite{foo}", r"\chi and \citefoo"),
            ("an open $formula {stays", "an open $formula {stays"),
            (r"$$a$é and $$b$$é\emph{c}", "$$a$é and $$b$$éc"),
            ("\\", "\\"),
            ("\\'", "\\'"),
            (r"\'{", r"\'"),
        ] {
            assert_eq!(plain(source), text, "{source}");
        }
    }
}
