//! How a paper becomes the text that is embedded.

use crate::Paper;

/// Name of the recipe that [`paper_text`] follows. A library records it: another recipe means other vectors.
pub const TEXT_RECIPE: &str = "title. abstract (v1)";

/// The text of a paper that is embedded: the title, a full stop unless the title ends a sentence itself, and the abstract.
/// With only one of the two, that one alone. Never truncated here: the model's tokenizer cuts, and counts what it cut.
#[must_use]
pub fn paper_text(paper: &Paper) -> String {
    let title = paper.title.trim();
    match paper.abstract_text.as_deref().map(str::trim) {
        None | Some("") => title.to_owned(),
        Some(text) if title.is_empty() => text.to_owned(),
        Some(text) if title.ends_with(['.', '?', '!']) => format!("{title} {text}"),
        Some(text) => format!("{title}. {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PaperId;

    fn text(title: &str, abstract_text: Option<&str>) -> String {
        let id = PaperId::new("x").expect("an id");
        paper_text(&Paper::new(id, title, abstract_text).expect("a paper"))
    }

    #[test]
    fn title_and_abstract_are_two_sentences() {
        assert_eq!(
            text("A title", Some("An abstract.")),
            "A title. An abstract."
        );
        assert_eq!(
            text("A question?", Some("An abstract.")),
            "A question? An abstract."
        );
    }

    #[test]
    fn one_of_the_two_stands_alone() {
        assert_eq!(text("A title", None), "A title");
        assert_eq!(text("A title", Some("  ")), "A title");
        assert_eq!(text(" ", Some("An abstract.")), "An abstract.");
    }
}
