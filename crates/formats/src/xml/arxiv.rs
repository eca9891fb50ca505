//! Records of arXiv: entries of its Atom feeds, and of its OAI answers in the forms `arXiv`, `arXivRaw` and `oai_dc`.

use super::tree::Element;
use crate::records::{Draft, name_parts, natural_order, plain};

/// The arXiv id in an address or an OAI identifier, without its version: the same paper in every version.
pub(crate) fn arxiv_id(text: &str) -> String {
    let text = text.trim();
    let behind = ["/abs/", "/pdf/", "oai:arXiv.org:", "arXiv:"]
        .iter()
        .find_map(|before| text.split_once(before));
    let id = behind.map_or(text, |(_, id)| id);
    match id.rsplit_once('v') {
        Some((id, version))
            if !id.is_empty()
                && !version.is_empty()
                && version.bytes().all(|b| b.is_ascii_digit()) =>
        {
            id.to_owned()
        }
        _ => id.to_owned(),
    }
}

/// `<entry>` of an Atom feed.
pub(super) fn entry(entry: &Element) -> Result<Draft, String> {
    let address = entry.text_at(&["id"]);
    if address.contains("/api/errors") {
        let why = entry.text_at(&["summary"]);
        return Err(format!("arXiv answered with an error: {}", why.trim()));
    }
    let mut categories: Vec<String> = Vec::new();
    for category in entry.all("primary_category").chain(entry.all("category")) {
        let term = category.attribute("term");
        if !categories.iter().any(|known| known == term) {
            categories.push(term.to_owned());
        }
    }
    Ok(Draft {
        id: arxiv_id(&address),
        title: plain(&entry.text_at(&["title"])),
        abstract_text: plain(&entry.text_at(&["summary"])),
        authors: entry
            .all("author")
            .map(|author| plain(&author.text_at(&["name"])))
            .collect(),
        date: day(&entry.text_at(&["published"])),
        venue: plain(&entry.text_at(&["journal_ref"])),
        url: address,
        doi: entry.text_at(&["doi"]),
        categories,
        ..Draft::default()
    })
}

/// The day of a time in ISO 8601.
fn day(time: &str) -> String {
    let time = time.trim();
    time.split_once('T').map_or(time, |(day, _)| day).to_owned()
}

/// `<record>` of an OAI answer.
pub(super) fn record(record: &Element) -> Result<Draft, String> {
    let identifier = record.text_at(&["header", "identifier"]);
    let deleted = record
        .at(&["header"])
        .map(|header| header.attribute("status"));
    if deleted == Some("deleted") {
        return Err(format!("{}: the record was deleted", identifier.trim()));
    }
    let Some(metadata) = record.at(&["metadata"]) else {
        return Err(format!("{}: no metadata", identifier.trim()));
    };
    let in_arxivs_forms = ["arXiv", "arXivRaw"]
        .iter()
        .find_map(|form| metadata.at(&[form]));
    if let Some(form) = in_arxivs_forms {
        return Ok(of_arxiv(form));
    }
    match metadata.at(&["dc"]) {
        Some(dc) => Ok(dublin_core(dc, &identifier)),
        None => Err(format!(
            "{}: metadata in none of the forms arXiv, arXivRaw and oai_dc; ask the server for metadataPrefix=arXiv",
            identifier.trim()
        )),
    }
}

fn of_arxiv(form: &Element) -> Draft {
    let field = |name: &str| plain(&form.text_at(&[name]));
    let authors = match form.at(&["authors"]) {
        Some(list) if list.all("author").next().is_some() => list
            .all("author")
            .map(|author| {
                let part = |name: &str| plain(&author.text_at(&[name]));
                name_parts(&part("forenames"), &part("keyname"), &part("suffix"))
            })
            .collect(),
        Some(names) => listed_authors(&plain(&names.text())),
        None => Vec::new(),
    };
    let id = field("id");
    let date = match form.at(&["created"]) {
        Some(created) => created.text(),
        // Of arXivRaw: "Tue, 4 Oct 2011 19:10:02 GMT".
        None => form.text_at(&["version", "date"]),
    };
    Draft {
        url: format!("https://arxiv.org/abs/{id}"),
        id,
        title: field("title"),
        abstract_text: field("abstract"),
        authors,
        date,
        venue: field("journal-ref"),
        doi: form.text_at(&["doi"]),
        categories: form
            .text_at(&["categories"])
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        ..Draft::default()
    }
}

/// Names in one line, as arXiv writes them: "A. Bee, C. Dee and E. Eff (Somewhere)".
pub(crate) fn listed_authors(line: &str) -> Vec<String> {
    let mut outside = String::with_capacity(line.len());
    let mut depth = 0usize;
    for c in line.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => outside.push(if c.is_whitespace() { ' ' } else { c }),
            _ => {}
        }
    }
    let joined = outside.replace(" and ", ",");
    let names = joined.split(',').map(|name| name.trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

fn dublin_core(dc: &Element, identifier: &str) -> Draft {
    let all = |name: &str| -> Vec<String> {
        let texts = dc.all(name).map(|element| plain(&element.text()));
        texts.collect()
    };
    let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
    let identifiers = all("identifier");
    let doi = identifiers
        .iter()
        .find(|id| id.trim_start().starts_with("doi:"));
    let url = identifiers
        .iter()
        .find(|id| id.trim_start().starts_with("http"));
    let of_arxiv = identifier.contains("arXiv.org");
    Draft {
        id: if of_arxiv {
            arxiv_id(identifier)
        } else {
            identifier.to_owned()
        },
        title: first("title"),
        abstract_text: first("description"),
        authors: all("creator")
            .iter()
            .map(|name| natural_order(name))
            .collect(),
        date: first("date"),
        venue: first("source"),
        url: url.cloned().unwrap_or_default(),
        doi: doi.cloned().unwrap_or_default(),
        categories: all("subject"),
        ..Draft::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::tree::parse;

    #[test]
    fn ids_lose_what_is_around_them() {
        for (text, id) in [
            ("http://arxiv.org/abs/1111.2011v2", "1111.2011"),
            ("https://arxiv.org/abs/hep-th/9901001v1", "hep-th/9901001"),
            ("oai:arXiv.org:1706.05371", "1706.05371"),
            ("arXiv:2103.03230", "2103.03230"),
            ("solv-int/9901001", "solv-int/9901001"),
        ] {
            assert_eq!(arxiv_id(text), id);
        }
    }

    #[test]
    fn authors_in_one_line() {
        assert_eq!(
            listed_authors("A. Bee (1 and 2), C. Dee\n and E. Eff ((1) X, (2) Y)"),
            ["A. Bee", "C. Dee", "E. Eff"]
        );
    }

    #[test]
    fn dublin_core_and_deleted_records() {
        let text = "<record><header><identifier>oai:arXiv.org:0704.0001</identifier></header><metadata><oai_dc:dc>\
                    <dc:title>T</dc:title><dc:creator>Curie, Marie</dc:creator><dc:description>D</dc:description>\
                    <dc:date>2007-04-02</dc:date><dc:identifier>http://arxiv.org/abs/0704.0001</dc:identifier>\
                    <dc:identifier>doi:10.1/x</dc:identifier></oai_dc:dc></metadata></record>";
        let draft = record(&parse(text).expect("XML")).expect("a record");
        assert_eq!(
            (draft.id.as_str(), draft.authors[0].as_str()),
            ("0704.0001", "Marie Curie")
        );
        assert_eq!(
            (draft.doi.as_str(), draft.date.as_str()),
            ("doi:10.1/x", "2007-04-02")
        );
        let gone =
            "<record><header status='deleted'><identifier>oai:x:1</identifier></header></record>";
        let why = record(&parse(gone).expect("XML")).expect_err("deleted");
        assert_eq!(why, "oai:x:1: the record was deleted");
    }
}
