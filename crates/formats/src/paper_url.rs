//! Which paper a link of a page leads to. Not for: finding the links ([`crate::html`]).

/// The address of the paper that a link leads to: a page of Hugging Face Papers (also relative) or of arXiv.
pub(crate) fn paper_url(href: &str) -> Option<String> {
    let href = href.trim();
    let secure = href
        .strip_prefix("https://")
        .or_else(|| href.strip_prefix("http://"));
    let secure = secure.map(|rest| rest.strip_prefix("www.").unwrap_or(rest));
    if let Some(place) = secure.and_then(|rest| rest.strip_prefix("arxiv.org/")) {
        let (kind, id) = place.split_once('/')?;
        let id = id.split(['?', '#']).next().unwrap_or(id);
        let named =
            matches!(kind, "abs" | "pdf" | "html") && id.contains(|c: char| c.is_ascii_digit());
        return named.then(|| format!("https://arxiv.org/{kind}/{id}"));
    }
    let path = match secure {
        Some(rest) => rest.strip_prefix("huggingface.co")?,
        None => href,
    };
    let id = path
        .strip_prefix("/papers/")?
        .split(['?', '#', '/'])
        .next()?;
    let (month, number) = id.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let arxiv =
        month.len() == 4 && (4..=5).contains(&number.len()) && digits(month) && digits(number);
    arxiv.then(|| format!("https://huggingface.co/papers/{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_papers_count() {
        let hub = Some("https://huggingface.co/papers/2103.03230".to_owned());
        assert_eq!(paper_url("/papers/2103.03230"), hub);
        assert_eq!(
            paper_url("https://huggingface.co/papers/2103.03230#community"),
            hub
        );
        assert_eq!(
            paper_url("http://arxiv.org/abs/2103.03230v2").as_deref(),
            Some("https://arxiv.org/abs/2103.03230v2")
        );
        assert_eq!(
            paper_url("https://www.arxiv.org/pdf/cs/0112017").as_deref(),
            Some("https://arxiv.org/pdf/cs/0112017")
        );
        for other in [
            "",
            "/papers",
            "/papers/trending",
            "/papers/date.12345",
            "https://example.org/papers/2103.03230",
            "#",
            "https://arxiv.org/abs",
        ] {
            assert_eq!(paper_url(other), None, "{other}");
        }
    }
}
