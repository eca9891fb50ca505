//! Papers as BibTeX. Not for: reading it.

use std::collections::HashSet;
use std::fmt::Write;
use syntopic_core::Paper;

/// The papers as entries, in order, with keys made of their ids: no two are the same.
#[must_use]
pub fn bibtex<'a>(papers: impl IntoIterator<Item = &'a Paper>) -> String {
    let (mut text, mut keys) = (String::new(), HashSet::new());
    for paper in papers {
        let wanted = key(paper.id.as_str());
        let mut unique = wanted.clone();
        let mut copies = 1;
        while !keys.insert(unique.clone()) {
            copies += 1;
            unique = format!("{wanted}-{copies}");
        }
        entry(&mut text, paper, &unique);
    }
    text
}

/// Letters, digits and the marks that every BibTeX program takes in a key.
fn key(id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_' | '/');
    id.chars().map(|c| if safe(c) { c } else { '_' }).collect()
}

fn entry(text: &mut String, paper: &Paper, key: &str) {
    let kind = if paper.venue.is_some() {
        "article"
    } else {
        "misc"
    };
    // To write into a string never fails.
    let _ = writeln!(text, "@{kind}{{{key},");
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name} = {{{value}}},");
        }
    };
    // Braces keep the case of the title.
    let title = latex(&paper.title);
    field(
        "title",
        &if title.is_empty() {
            title
        } else {
            format!("{{{title}}}")
        },
    );
    let authors: Vec<String> = paper.authors.iter().map(|author| latex(author)).collect();
    field("author", &authors.join(" and "));
    let (year, month, day) = dated(paper);
    field("year", &year);
    field("date", &day);
    field(
        "journal",
        &latex(paper.venue.as_deref().unwrap_or_default()),
    );
    field("doi", &verbatim(paper.doi.as_deref().unwrap_or_default()));
    field("url", &verbatim(paper.url.as_deref().unwrap_or_default()));
    field("keywords", &latex(&paper.categories.join(", ")));
    field(
        "abstract",
        &latex(paper.abstract_text.as_deref().unwrap_or_default()),
    );
    if let Some(month) = month {
        // A name that every style knows, and no text.
        let _ = writeln!(text, "  month = {month},");
    }
    text.push_str("}\n\n");
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The year; the month where the date is one in ISO 8601; and the date itself where it has a day, which BibLaTeX reads and BibTeX
/// leaves out.
fn dated(paper: &Paper) -> (String, Option<&'static str>, String) {
    let date = paper.date.as_deref().unwrap_or_default();
    let parts: Option<Vec<usize>> = date.split('-').map(|part| part.parse().ok()).collect();
    let (from_date, month, whole) = match parts.as_deref() {
        Some([year, month, rest @ ..]) if (1..=12).contains(month) && *year > 999 => {
            (Some(*year), Some(MONTHS[month - 1]), rest.len() == 1)
        }
        _ => (None, None, false),
    };
    let year = paper.year.map(|year| year.to_string());
    let year = year.or(from_date.map(|year| year.to_string()));
    let day = if whole {
        date.to_owned()
    } else {
        String::new()
    };
    (year.unwrap_or_default(), month, day)
}

/// Text for LaTeX. Formulas between dollar signs and commands stay as the source wrote them, where braces and dollar signs pair
/// up; else all of it is plain text.
fn latex(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let written_in_latex = pairs_up(&text);
    let (mut safe, mut formula, mut before) = (String::with_capacity(text.len()), false, ' ');
    for c in text.chars() {
        let commanded = written_in_latex && before == '\\';
        match c {
            '$' if written_in_latex => {
                formula ^= !commanded;
                safe.push(c);
            }
            '{' | '}' | '\\' if written_in_latex => safe.push(c),
            '_' | '^' | '~' | '&' if commanded || formula => safe.push(c),
            '%' | '#' if commanded => safe.push(c),
            '&' | '%' | '#' | '$' | '_' => safe.extend(['\\', c]),
            '{' => safe.push('('),
            '}' => safe.push(')'),
            '\\' => safe.push_str("\\textbackslash "),
            '~' => safe.push_str("\\textasciitilde "),
            '^' => safe.push_str("\\textasciicircum "),
            c => safe.push(c),
        }
        // Of two backslashes, the second begins no command.
        before = if c == '\\' && before == '\\' { ' ' } else { c };
    }
    safe
}

/// Whether every brace and dollar sign has its fellow, none of them after a backslash that ends the text.
fn pairs_up(text: &str) -> bool {
    let (mut depth, mut dollars, mut before) = (0i32, 0, ' ');
    for c in text.chars() {
        match c {
            _ if before == '\\' => {}
            '{' => depth += 1,
            '}' => depth -= 1,
            '$' => dollars += 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
        before = if c == '\\' && before == '\\' { ' ' } else { c };
    }
    // An escaped brace counts for BibTeX itself, which knows no escapes.
    let braces = |which: char| text.matches(which).count();
    depth == 0 && dollars % 2 == 0 && before != '\\' && braces('{') == braces('}')
}

/// An address: only what would end the field is taken out.
fn verbatim(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '{' | '}') && !c.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use syntopic_core::PaperId;

    fn paper(id: &str, title: &str) -> Paper {
        Paper::new(PaperId::new(id).unwrap(), title, None).unwrap()
    }

    #[test]
    fn an_entry_has_what_is_known() {
        let mut one = paper("arXiv:1 2", "On $L_2$ norms & 50% of them");
        one.authors = vec![String::from("Ada L."), String::from("Émile B.")];
        one.year = Some(2020);
        one.venue = Some(String::from("J. of X"));
        one.doi = Some(String::from("10.1/a_b"));
        let twin = paper("arXiv:1_2", "b");
        assert_eq!(
            bibtex([&one, &twin]),
            "@article{arXiv:1_2,\n  title = {{On $L_2$ norms \\& 50\\% of them}},\n  author = {Ada L. and Émile B.},\n  \
             year = {2020},\n  journal = {J. of X},\n  doi = {10.1/a_b},\n}\n\n@misc{arXiv:1_2-2,\n  title = {{b}},\n}\n\n"
        );
    }

    #[test]
    fn nothing_a_title_holds_can_end_its_field() {
        for (title, expected) in [
            (
                "a_b ^ ~ # \\",
                "a\\_b \\textasciicircum  \\textasciitilde  \\# \\textbackslash ",
            ),
            ("an { open brace", "an ( open brace"),
            ("} and {", ") and ("),
            ("costs $5", "costs \\$5"),
            (
                "Schr\\\"{o}dinger & {\\it al.}",
                "Schr\\\"{o}dinger \\& {\\it al.}",
            ),
            ("$\\mathbb{Q}^n$", "$\\mathbb{Q}^n$"),
            ("R\\&D \\% \\\\", "R\\&D \\% \\\\"),
            ("an escaped \\{ alone", "an escaped \\textbackslash ( alone"),
        ] {
            let got = latex(title);
            assert_eq!(got, expected);
            assert_eq!(got.matches('{').count(), got.matches('}').count());
        }
    }
}
