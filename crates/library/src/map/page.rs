//! A map as one HTML page that opens offline: style, script and data are in it, and its policy forbids it any request.

use crate::map::MapData;
use crate::map::colours::{NO_TOPIC, colour, hex};
use serde::Serialize;

/// The page, with `{{…}}` where the parts go.
const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Abstracts go into the page while all of them together are no larger than this.
const ABSTRACTS_BYTES: usize = 8 << 20;

/// What the script reads. Columns, a value a paper.
#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    n: usize,
    /// Base64 of 16-bit numbers, little-endian: right and down, from 0 to 65535.
    places: String,
    topics: Vec<Topic<'a>>,
    /// -1 is none.
    topic: Vec<i64>,
    no_topic: String,
    id: Vec<&'a str>,
    name: Vec<&'a str>,
    authors: Vec<String>,
    year: Vec<Option<i32>>,
    /// Each venue once.
    venues: Vec<&'a str>,
    /// -1 is none.
    venue: Vec<i64>,
    link: Vec<Option<String>>,
    /// Empty where they are too many for a page.
    abstracts: Vec<&'a str>,
    abstracts_left_out: bool,
    n_related: usize,
    /// Base64 of 32-bit numbers, little-endian.
    related: String,
    /// Base64 of cosines in hundredths, 8 bits with sign.
    cosines: String,
}

#[derive(Serialize)]
struct Topic<'a> {
    name: &'a str,
    size: usize,
    /// As `places`.
    place: [u16; 2],
    light: String,
    dark: String,
}

impl MapData {
    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        // The data are all numbers, texts and lists of them, which can always be written.
        let json = serde_json::to_string(&self.data()).unwrap_or_default();
        let parts = [
            ("{{title}}", escaped(&self.title)),
            ("{{style}}", STYLE.to_owned()),
            // No text can end the script element, whatever it holds.
            ("{{data}}", json.replace('<', "\\u003c")),
            ("{{script}}", SCRIPT.to_owned()),
        ];
        let (mut page, mut rest) = (String::with_capacity(json.len() + 100_000), PAGE);
        for (mark, part) in parts {
            // One after another, so that no mark within a part is taken for one of the page.
            let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
            page.push_str(before);
            page.push_str(&part);
            rest = after;
        }
        page + rest
    }

    fn data(&self) -> Data<'_> {
        let abstracts: Vec<&str> = self
            .papers
            .iter()
            .map(|paper| paper.abstract_text.as_deref().unwrap_or_default())
            .collect();
        let left_out = abstracts.iter().map(|text| text.len()).sum::<usize>() > ABSTRACTS_BYTES;
        let (venues, venue) = self.venues();
        let places: Vec<[u16; 2]> = self.positions.iter().map(|&p| on_grid(p)).collect();
        let cosine = |&(_, cosine): &(u32, f32)| ((cosine * 100.0).round() as i8).to_le_bytes();
        Data {
            title: &self.title,
            n: self.papers.len(),
            places: base64(places.as_flattened().iter().flat_map(|x| x.to_le_bytes())),
            topics: self.page_topics(),
            topic: self
                .topic_of
                .iter()
                .map(|t| t.map_or(-1, i64::from))
                .collect(),
            no_topic: hex(NO_TOPIC),
            id: self.papers.iter().map(|paper| paper.id.as_str()).collect(),
            name: self
                .papers
                .iter()
                .map(|paper| paper.title.as_str())
                .collect(),
            authors: self
                .papers
                .iter()
                .map(|paper| paper.authors.join(", "))
                .collect(),
            year: self.papers.iter().map(|paper| paper.year).collect(),
            venues,
            venue,
            link: self.papers.iter().map(link).collect(),
            abstracts: if left_out { Vec::new() } else { abstracts },
            abstracts_left_out: left_out,
            n_related: self.n_related,
            related: base64(self.related.iter().flat_map(|(row, _)| row.to_le_bytes())),
            cosines: base64(self.related.iter().flat_map(cosine)),
        }
    }

    fn page_topics(&self) -> Vec<Topic<'_>> {
        let topics = self.topics.iter().enumerate();
        topics
            .map(|(at, topic)| Topic {
                name: &topic.name,
                size: topic.size,
                place: on_grid(topic.place),
                light: hex(colour(at, false)),
                dark: hex(colour(at, true)),
            })
            .collect()
    }

    /// Each venue once, in order, and that of each paper.
    fn venues(&self) -> (Vec<&str>, Vec<i64>) {
        let mut venues: Vec<&str> = self.papers.iter().filter_map(venue_of).collect();
        venues.sort_unstable();
        venues.dedup();
        let place = |venue: Option<&str>| {
            let at = venue.and_then(|venue| venues.binary_search(&venue).ok());
            at.map_or(-1, |at| at as i64)
        };
        let column = self
            .papers
            .iter()
            .map(|paper| place(venue_of(paper)))
            .collect();
        (venues, column)
    }
}

fn venue_of(paper: &syntopic_core::Paper) -> Option<&str> {
    paper.venue.as_deref()
}

/// Where to read a paper: its address if it is one of the web, else by its DOI.
fn link(paper: &syntopic_core::Paper) -> Option<String> {
    let web = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
    let doi = || {
        let doi = paper.doi.as_deref()?.trim();
        let doi = doi.strip_prefix("doi:").unwrap_or(doi).trim_start();
        doi.starts_with("10.")
            .then(|| format!("https://doi.org/{doi}"))
    };
    paper.url.as_ref().filter(web).cloned().or_else(doi)
}

/// From -1 to 1, the second upwards, to 0 to 65535, the second downwards.
fn on_grid([x, y]: [f32; 2]) -> [u16; 2] {
    [x, -y].map(|x| ((x + 1.0) * 32767.5).round() as u16)
}

/// Text within HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML has no words for them.
            c if c.is_control() => safe.push(' '),
            '\u{fffe}' | '\u{ffff}' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// RFC 4648, with padding.
fn base64(bytes: impl Iterator<Item = u8>) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = bytes.collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at <= three.len() {
                let letter = LETTERS[(bits >> (18 - 6 * at) & 63) as usize];
                text.push(char::from(letter));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_the_rfc_has_it() {
        let of = |text: &str| base64(text.bytes());
        let all = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(of);
        assert_eq!(
            all,
            [
                "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"
            ]
        );
        assert_eq!(base64([0xfb, 0xff].into_iter()), "+/8=");
    }

    #[test]
    fn the_corners_of_the_map_are_the_corners_of_the_grid() {
        assert_eq!(on_grid([-1.0, 1.0]), [0, 0]);
        assert_eq!(on_grid([1.0, -1.0]), [65535, 65535]);
    }
}
