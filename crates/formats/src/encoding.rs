//! The encoding of a text file, and the file in UTF-8. Not for: JSON, which is UTF-8 by its standard.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::io::{self, BufRead, Read};

/// The encoding of a stream that begins like this: by its byte order mark, by what its XML declaration says, or by the bytes
/// themselves where those are no UTF-8.
pub(crate) fn of(prefix: &[u8], all: bool) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(prefix) {
        return encoding;
    }
    if let Some(encoding) = declared(prefix) {
        return encoding;
    }
    // Every other byte 0: ASCII in UTF-16 without a mark.
    let zeros = |start: usize| {
        let some = prefix.iter().skip(start).step_by(2).take(16);
        prefix.len() >= 32 && some.clone().all(|&b| b == 0)
    };
    if zeros(1) {
        return UTF_16LE;
    }
    if zeros(0) {
        return UTF_16BE;
    }
    if is_utf8(prefix, all) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(prefix, all);
    let guess = detector.guess(None, Utf8Detection::Deny);
    // The part of Latin 1 that is in use.
    if guess.is_single_byte() || guess.name() != "replacement" {
        guess
    } else {
        WINDOWS_1252
    }
}

/// What `<?xml … encoding="…"?>` names, unless the bytes cannot be in it.
fn declared(prefix: &[u8]) -> Option<&'static Encoding> {
    let start = prefix.trim_ascii_start();
    if !start.starts_with(b"<?xml") {
        return None;
    }
    let end = start.iter().position(|&b| b == b'>')?;
    let declaration = String::from_utf8_lossy(&start[..end]);
    let (_, behind) = declaration.split_once("encoding")?;
    let label = behind.trim_start().strip_prefix('=')?.trim_start();
    let quote = label.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = label[1..].split(quote).next()?;
    let encoding = Encoding::for_label(label.as_bytes())?;
    // It was read as ASCII: it is none of these.
    let wide = [UTF_16LE, UTF_16BE].contains(&encoding);
    Some(if wide { UTF_8 } else { encoding })
}

/// Whether the bytes are UTF-8, but for a few that are damaged and a character that is cut at the end.
fn is_utf8(prefix: &[u8], all: bool) -> bool {
    let mut rest = prefix;
    let (mut wrong, mut right) = (0usize, 0usize);
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                right += text.chars().filter(|c| !c.is_ascii()).count();
                break;
            }
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                right += good.iter().filter(|b| **b >= 0xc0).count();
                match error.error_len() {
                    Some(length) => {
                        wrong += 1;
                        rest = &bad[length..];
                    }
                    None => {
                        wrong += usize::from(all);
                        break;
                    }
                }
            }
        }
    }
    wrong == 0 || wrong < right / 8
}

/// A stream in UTF-8, whatever it was in; what its encoding does not have becomes U+FFFD.
pub(crate) struct Utf8<R> {
    input: R,
    decoder: Decoder,
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: BufRead> Utf8<R> {
    pub(crate) fn new(input: R, encoding: &'static Encoding) -> Self {
        Self {
            input,
            decoder: encoding.new_decoder(),
            ready: Vec::new(),
            at: 0,
            ended: false,
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        const AT_ONCE: usize = 1 << 16;
        self.ready.resize(AT_ONCE, 0);
        self.at = 0;
        let chunk = crate::lines::fill(&mut self.input)?;
        let last = chunk.is_empty();
        let (result, used, made, _) = self.decoder.decode_to_utf8(chunk, &mut self.ready, last);
        self.input.consume(used);
        self.ready.truncate(made);
        self.ended = last && result == CoderResult::InputEmpty;
        Ok(())
    }
}

impl<R: BufRead> BufRead for Utf8<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.ready.len() && !self.ended {
            self.decode()?;
        }
        Ok(&self.ready[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.ready.len());
    }
}

impl<R: BufRead> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ready[..length]);
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{GBK, SHIFT_JIS};
    use std::io::BufReader;

    fn decoded(bytes: &[u8], encoding: &'static Encoding) -> String {
        let mut text = String::new();
        let input = BufReader::with_capacity(3, bytes);
        Utf8::new(input, encoding)
            .read_to_string(&mut text)
            .expect("UTF-8");
        text
    }

    #[test]
    fn encodings_are_found_and_read() {
        let latin = "Müller, José: Über die Größe naïver Modelle. Façade, œuvre.";
        let (bytes, _, _) = WINDOWS_1252.encode(latin);
        let encoding = of(&bytes, true);
        assert_eq!(encoding, WINDOWS_1252);
        assert_eq!(decoded(&bytes, encoding), latin);
        let utf16: Vec<u8> = latin.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&b"\xff\xfe"[..], &utf16].concat();
        assert_eq!(decoded(&marked, of(&marked, true)), latin);
        let ascii: Vec<u8> = "TY  - JOUR and so on"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        assert_eq!(of(&ascii, true), UTF_16BE);
        let xml = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
        assert!(decoded(xml, of(xml, true)).ends_with("<a>é</a>"));
        let japanese = "日本語の文章を書くのはとても楽しいです。自然言語処理の研究。".repeat(4);
        let (bytes, _, _) = SHIFT_JIS.encode(&japanese);
        assert_eq!(decoded(&bytes, of(&bytes, true)), japanese);
        let chinese = "自监督视觉表征学习综述，图神经网络与推荐系统的研究进展。".repeat(4);
        let (bytes, _, _) = GBK.encode(&chinese);
        assert_eq!(decoded(&bytes, of(&bytes, true)), chinese);
    }

    #[test]
    fn utf8_stays_where_a_byte_is_damaged_or_cut() {
        for text in ["", "plain", "naïve café", "日本語"] {
            assert_eq!(of(text.as_bytes(), true), UTF_8);
        }
        assert_eq!(of(&"日本語".as_bytes()[..8], false), UTF_8);
        let mut damaged = "naïve café, Müller und Söhne, Größe "
            .repeat(20)
            .into_bytes();
        damaged[40] = 0xff;
        assert_eq!(of(&damaged, true), UTF_8);
    }
}
