//! One XML record as a tree of elements and texts. Not for: whole files.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// How deep a record may be nested; a PubMed article needs 8.
const MAX_DEPTH: usize = 64;

/// How many elements, attributes and texts a record may have; each takes some hundred bytes of memory.
const MAX_NODES: usize = 1_000_000;

/// An element; its name and its attributes' names without a namespace's prefix.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
}

#[derive(Debug)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// The elements of this name right below it.
    pub(super) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter_map(move |child| match child {
            Node::Element(element) if element.name == name => Some(element),
            _ => None,
        })
    }

    /// The first element at the end of this path.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Element> {
        match path {
            [] => Some(self),
            [name, rest @ ..] => {
                let mut named = self.children.iter().filter_map(|child| match child {
                    Node::Element(element) if element.name == *name => element.at(rest),
                    _ => None,
                });
                named.next()
            }
        }
    }

    /// Its text, that of the elements in it included.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.add_text(&mut text);
        text
    }

    fn add_text(&self, text: &mut String) {
        for child in &self.children {
            match child {
                Node::Text(own) => text.push_str(own),
                Node::Element(element) => element.add_text(text),
            }
        }
    }

    /// The text at the end of this path; empty where there is none.
    pub(super) fn text_at(&self, path: &[&str]) -> String {
        self.at(path).map(Element::text).unwrap_or_default()
    }

    /// An attribute; empty where it is not there.
    pub(super) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The element that `text` is.
pub(super) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.check_comments = false;
    let mut open: Vec<Element> = Vec::new();
    let mut nodes = 0;
    loop {
        if nodes > MAX_NODES {
            return Err(format!("it has more than {MAX_NODES} elements and texts"));
        }
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let closed = match event {
            Event::Start(start) => {
                if open.len() == MAX_DEPTH {
                    return Err(format!("it is nested more than {MAX_DEPTH} deep"));
                }
                open.push(element(&start, &mut nodes)?);
                None
            }
            Event::Empty(start) => Some(element(&start, &mut nodes)?),
            Event::End(_) => open.pop(),
            Event::Text(words) => {
                nodes += add(&mut open, &words);
                None
            }
            Event::CData(words) => {
                nodes += add(&mut open, &words);
                None
            }
            Event::GeneralRef(name) => {
                // What no standard names stays as it was written.
                let written = format!("&{};", &*name);
                nodes += add(&mut open, &html_escape::decode_html_entities(&written));
                None
            }
            Event::Eof => return Err("it does not end".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
        };
        if let Some(closed) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(Node::Element(closed)),
                None => return Ok(closed),
            }
        }
    }
}

/// Adds words to the innermost element, to those that are its last if so; how many nodes they made.
fn add(open: &mut [Element], words: &str) -> usize {
    let Some(element) = open.last_mut() else {
        return 0;
    };
    if let Some(Node::Text(text)) = element.children.last_mut() {
        text.push_str(words);
        return 0;
    }
    element.children.push(Node::Text(words.to_owned()));
    1
}

fn element(start: &BytesStart<'_>, nodes: &mut usize) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = html_escape::decode_html_entities(&*attribute.value).into_owned();
        attributes.push((attribute.key.local_name().as_ref().to_owned(), value));
        if attributes.len() > MAX_NODES {
            return Err(format!("a tag has more than {MAX_NODES} attributes"));
        }
    }
    *nodes += 1 + attributes.len();
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        attributes,
        children: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_tree() {
        let text = "<r:record a='1 &amp; 2'><t>One <i>two</i> &#946;&alpha;&nosuch; <![CDATA[<3]]></t><n/>\
                    <l><n>x</n></l><l><n>y</n></l></r:record>";
        let record = parse(text).expect("a record");
        assert_eq!(
            (record.name.as_str(), record.attribute("a")),
            ("record", "1 & 2")
        );
        assert_eq!(record.text_at(&["t"]), "One two βα&nosuch; <3");
        assert_eq!(record.text_at(&["l", "n"]), "x");
        assert_eq!(record.all("l").count(), 2);
        assert_eq!(record.text_at(&["none", "n"]), "");
    }

    #[test]
    fn what_is_none_is_refused() {
        for (text, why) in [
            ("<a><b></a>", "b"),
            ("<a>", "does not end"),
            ("", "does not end"),
            ("<a x=>", ""),
        ] {
            let error = parse(text).expect_err("refused");
            assert!(error.contains(why), "{text}: {error}");
        }
        let deep = "<a>".repeat(10_000);
        assert!(parse(&deep).expect_err("refused").contains("deep"));
    }
}
