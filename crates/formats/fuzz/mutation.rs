//! Changes of sample files, the same ones for the same seed: what a fuzzer does, without a compiler of its own.

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// A piece of `n` things: where it begins and ends.
    fn piece(&mut self, n: usize) -> std::ops::Range<usize> {
        let from = self.below(n + 1);
        from..from + self.below((n - from).min(64) + 1)
    }
}

/// Bytes that mean something to one format or another.
const TELLING: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"<",
    b">",
    b"</",
    b"/>",
    b"&",
    b"&#x110000;",
    b"&#0;",
    b"&lt;",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<?",
    b"<!DOCTYPE x [",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"@",
    b"@a{b,",
    b"#",
    b"=",
    b"%",
    b"$",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
    b"\xef\xbf\xbd",
    b"\xf0\x9f\x98\x80",
    b"1e999",
    b"-1",
    b"99999999999999999999",
    b"null",
    b"ER  - ",
    b"TY  - ",
    b"  - ",
    b"\x00\x00\x00\x00",
    b"\xff\xff\xff\xff",
    b"../../x",
    b"\xcc\x81",
];

/// One of `samples`, changed in one to eight places: bits and bytes, pieces left out, said again or taken from another sample,
/// ends cut off. At most 64 KiB.
pub(crate) fn mutated(samples: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = samples[random.below(samples.len())].clone();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        match random.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            2 => drop(bytes.drain(random.piece(bytes.len()))),
            3 => {
                let piece = bytes[random.piece(bytes.len())].to_vec();
                let most = if random.below(20) == 0 { 500 } else { 3 };
                let times = 1 + random.below(most);
                bytes.splice(at..at, piece.repeat(times));
            }
            4 => {
                let other = &samples[random.below(samples.len())];
                let piece = other[random.piece(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => {
                let other = &samples[random.below(samples.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            6 if random.below(4) == 0 => bytes.truncate(at),
            _ => {
                let telling = TELLING[random.below(TELLING.len())];
                bytes.splice(at..at, telling.iter().copied());
            }
        }
        bytes.truncate(64 << 10);
    }
    bytes
}

/// How many changed files a test reads: `usual`, or as many as SYNTOPIC_FUZZ_ROUNDS says.
pub(crate) fn rounds(usual: usize) -> usize {
    let asked = std::env::var("SYNTOPIC_FUZZ_ROUNDS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}
