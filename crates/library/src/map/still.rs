//! A map as a still picture: what SVG and PNG have in common. Larger topics are named first, and no name lies over another.

use crate::map::MapData;

/// Size of the picture in pixels.
pub(super) const WIDTH: usize = 1600;
pub(super) const HEIGHT: usize = 1200;

/// Between the outermost points and the edge.
const MARGIN: f32 = 60.0;

/// Phrases of a topic's name that a picture has room for.
const PHRASES: usize = 2;

/// A topic's name and where its middle is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: [f32; 2],
}

/// Where a point of the map is in the picture.
pub(super) fn on_picture([x, y]: [f32; 2]) -> [f32; 2] {
    let (w, h) = (WIDTH as f32 / 2.0, HEIGHT as f32 / 2.0);
    let scale = w.min(h) - MARGIN;
    [w + x * scale, h - y * scale]
}

/// Radius of a point: small where there are many.
pub(super) fn radius(n_papers: usize) -> f32 {
    (300.0 / (n_papers.max(1) as f32).sqrt()).clamp(1.2, 6.0)
}

impl MapData {
    /// The names that have room, `size` of a text being its width and height in pixels.
    pub(super) fn names(&self, size: impl Fn(&str) -> [f32; 2]) -> Vec<Name> {
        let mut largest_first: Vec<usize> = (0..self.topics.len()).collect();
        largest_first.sort_by_key(|&topic| std::cmp::Reverse(self.topics[topic].size));
        let mut taken: Vec<[f32; 4]> = Vec::new();
        let mut names = Vec::new();
        for topic in largest_first.into_iter().map(|topic| &self.topics[topic]) {
            let phrases: Vec<&str> = topic.name.split(", ").take(PHRASES).collect();
            let text = phrases.join(", ");
            let [width, height] = size(&text);
            let [x, y] = on_picture(topic.place);
            // Wholly within the picture, wherever the topic is.
            let x = x.clamp(
                width / 2.0 + 4.0,
                (WIDTH as f32 - width / 2.0 - 4.0).max(width / 2.0 + 4.0),
            );
            let [w, h] = [width / 2.0 + 3.0, height / 2.0 + 2.0];
            let own = [x - w, y - h, x + w, y + h];
            let overlaps =
                |b: &[f32; 4]| own[0] < b[2] && own[2] > b[0] && own[1] < b[3] && own[3] > b[1];
            if !taken.iter().any(overlaps) {
                taken.push(own);
                names.push(Name { text, at: [x, y] });
            }
        }
        names
    }
}
