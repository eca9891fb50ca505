//! A map as PNG (RFC 2083), on white ground, names in plain letters of our own.

use crate::map::MapData;
use crate::map::colours::{NO_TOPIC, Rgb, colour};
use crate::map::glyphs::{ROWS, glyph};
use crate::map::still::{HEIGHT, WIDTH, on_picture, radius};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

/// Pixels a dot of a letter; a letter is 5 dots wide, with one between it and the next.
const DOT: usize = 2;
const INK: Rgb = [0x1d, 0x20, 0x26];
const PAPER: Rgb = [0xff; 3];

/// How much of a point shows what is under it.
const OPACITY: f32 = 0.8;

impl MapData {
    /// The picture.
    ///
    /// # Errors
    /// Never in practice: it is written to memory.
    pub fn to_png(&self) -> std::io::Result<Vec<u8>> {
        let mut picture = Picture(PAPER.repeat(WIDTH * HEIGHT));
        let radius = radius(self.papers.len());
        for (topic, &position) in self.topic_of.iter().zip(&self.positions) {
            let colour = topic.map_or(NO_TOPIC, |topic| colour(topic as usize, false));
            picture.point(on_picture(position), radius, colour);
        }
        let size = |text: &str| {
            let [width, height] = [6 * text.chars().count(), ROWS].map(|dots| (dots * DOT) as f32);
            [width, height]
        };
        for name in self.names(size) {
            let [width, height] = size(&name.text);
            let corner = [name.at[0] - width / 2.0, name.at[1] - height / 2.0];
            picture.text(&name.text, corner.map(|x| x.round() as i32));
        }
        picture.encoded()
    }
}

/// Rows of pixels, three bytes each.
struct Picture(Vec<u8>);

impl Picture {
    /// Covers some of a pixel, if it is in the picture.
    fn blend(&mut self, [x, y]: [i32; 2], colour: Rgb, cover: f32) {
        let inside = |x: i32, size: usize| usize::try_from(x).ok().filter(|&x| x < size);
        let (Some(x), Some(y)) = (inside(x, WIDTH), inside(y, HEIGHT)) else {
            return;
        };
        let pixel = &mut self.0[3 * (y * WIDTH + x)..][..3];
        for (old, new) in pixel.iter_mut().zip(colour) {
            let mixed = f32::from(*old) * (1.0 - cover) + f32::from(new) * cover;
            *old = mixed.round() as u8;
        }
    }

    fn point(&mut self, [x, y]: [f32; 2], radius: f32, colour: Rgb) {
        let reach = radius.ceil() as i32 + 1;
        let middle = [x.floor() as i32, y.floor() as i32];
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let at = [middle[0] + dx, middle[1] + dy];
                let away = (at[0] as f32 + 0.5 - x).hypot(at[1] as f32 + 0.5 - y);
                let cover = (radius + 0.5 - away).clamp(0.0, 1.0);
                if cover > 0.0 {
                    self.blend(at, colour, cover * OPACITY);
                }
            }
        }
    }

    /// Writes a text with a rim of the ground's colour.
    fn text(&mut self, text: &str, [left, top]: [i32; 2]) {
        let dot = DOT as i32;
        let mut dots = Vec::new();
        for (at, letter) in (0..).zip(text.chars()) {
            for (row, bits) in (0..).zip(glyph(letter)) {
                let lit = (0..5).filter(|column| bits >> (4 - column) & 1 == 1);
                dots.extend(lit.map(|column| [left + dot * (6 * at + column), top + dot * row]));
            }
        }
        for (rim, colour) in [(dot, PAPER), (0, INK)] {
            for &[x, y] in &dots {
                for dy in -rim..dot + rim {
                    for dx in -rim..dot + rim {
                        self.blend([x + dx, y + dy], colour, 1.0);
                    }
                }
            }
        }
    }

    fn encoded(&self) -> std::io::Result<Vec<u8>> {
        let mut header = Vec::new();
        header.extend((WIDTH as u32).to_be_bytes());
        header.extend((HEIGHT as u32).to_be_bytes());
        // 8 bits a colour, red, green and blue; the only compression and filters there are; not interlaced.
        header.extend([8, 2, 0, 0, 0]);
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.0.chunks_exact(3 * WIDTH) {
            packed.write_all(&[0])?;
            packed.write_all(row)?;
        }
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [
            (b"IHDR", &header),
            (b"IDAT", &packed.finish()?),
            (b"IEND", &Vec::new()),
        ] {
            png.extend((data.len() as u32).to_be_bytes());
            png.extend(kind);
            png.extend(data);
            let mut sum = flate2::Crc::new();
            sum.update(kind);
            sum.update(data);
            png.extend(sum.sum().to_be_bytes());
        }
        Ok(png)
    }
}
