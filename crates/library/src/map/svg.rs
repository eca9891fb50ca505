//! A map as SVG, for papers and slides: one path a topic, so that it stays small and can be recoloured.

use crate::map::MapData;
use crate::map::colours::{NO_TOPIC, colour, hex};
use crate::map::page::escaped;
use crate::map::still::{HEIGHT, WIDTH, on_picture, radius};
use std::fmt::Write;

/// Height of the letters in pixels, and about how wide one is.
const LETTERS: f32 = 20.0;
const LETTER_WIDTH: f32 = 11.0;

impl MapData {
    /// The picture.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <g fill=\"none\" stroke-linecap=\"round\" stroke-opacity=\"0.8\" stroke-width=\"{:.1}\">\n",
            escaped(&self.title),
            2.0 * radius(self.papers.len())
        );
        let mut paths = vec![String::new(); self.topics.len() + 1];
        for (topic, &position) in self.topic_of.iter().zip(&self.positions) {
            let path = topic.map_or(self.topics.len(), |topic| topic as usize);
            let [x, y] = on_picture(position);
            // To write into a string never fails. A line of no length with round ends is a dot.
            let _ = write!(paths[path], "M{x:.1} {y:.1}h0");
        }
        for (at, path) in paths
            .iter()
            .enumerate()
            .filter(|(_, path)| !path.is_empty())
        {
            let (name, stroke) = match self.topics.get(at) {
                Some(topic) => (escaped(&topic.name), hex(colour(at, false))),
                None => (String::from("no topic"), hex(NO_TOPIC)),
            };
            let _ = writeln!(
                svg,
                "<path stroke=\"{stroke}\" d=\"{path}\"><title>{name}</title></path>"
            );
        }
        let _ = writeln!(
            svg,
            "</g>\n<g font-size=\"{LETTERS}\" font-weight=\"600\" text-anchor=\"middle\" fill=\"#1d2026\" stroke=\"#ffffff\" \
             stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\">"
        );
        for name in self.names(|text| [text.chars().count() as f32 * LETTER_WIDTH, LETTERS * 1.2]) {
            let [x, y] = name.at;
            let base = y + LETTERS * 0.35;
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{base:.1}\">{}</text>",
                escaped(&name.text)
            );
        }
        svg + "</g>\n</svg>\n"
    }
}
