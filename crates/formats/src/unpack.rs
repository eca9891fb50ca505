//! Packed files, unpacked while they are read: gzip and zstd. Not for: archives of several files.

use flate2::bufread::MultiGzDecoder;
use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Error, Read};
use std::rc::Rc;

/// A packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// The packing of a stream that begins like this.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }

    /// The stream inside. Reading fails where it is damaged, or where it is a bomb: more than 64 MiB and more than 100 times as
    /// much as was packed.
    pub(crate) fn open<'a>(
        self,
        input: Box<dyn BufRead + 'a>,
    ) -> io::Result<Box<dyn BufRead + 'a>> {
        let taken = Rc::new(Cell::new(0));
        let counted = Counted {
            input,
            taken: Rc::clone(&taken),
        };
        let unpacked: Box<dyn Read + 'a> = match self {
            Packing::Gzip => Box::new(MultiGzDecoder::new(counted)),
            Packing::Zstd => Box::new(zstd::Decoder::with_buffer(counted)?),
        };
        Ok(Box::new(BufReader::with_capacity(
            1 << 16,
            Bounded {
                unpacked,
                packing: self,
                taken,
                given: 0,
            },
        )))
    }
}

/// Counts the packed bytes.
struct Counted<'a> {
    input: Box<dyn BufRead + 'a>,
    taken: Rc<Cell<u64>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.taken.set(self.taken.get() + amount as u64);
        self.input.consume(amount);
    }
}

/// Gives up where unpacking gives more than any text of papers packs to.
struct Bounded<'a> {
    unpacked: Box<dyn Read + 'a>,
    packing: Packing,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const SMALL: u64 = 64 << 20;
        const MOST_TIMES: u64 = 100;
        let name = self.packing.name();
        let read = self
            .unpacked
            .read(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::Interrupted => error,
                kind => Error::new(kind, format!("the {name} file is damaged: {error}")),
            })?;
        self.given += read as u64;
        if self.given > SMALL && self.given / MOST_TIMES > self.taken.get() {
            return Err(Error::other(format!(
                "the {name} file unpacks to more than {MOST_TIMES} times its size, as no list of papers does; unpack it first if \
                 it is one"
            )));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).expect("memory does not fail");
        packed.finish().expect("memory does not fail")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).expect("memory does not fail")
    }

    fn unpacked(packed: &[u8]) -> io::Result<Vec<u8>> {
        let packing = Packing::of(packed).expect("packed");
        let mut bytes = Vec::new();
        packing.open(Box::new(packed))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn what_was_packed_comes_out() {
        let text: Vec<u8> = (0..400_000u32)
            .flat_map(|n| n.wrapping_mul(n).to_string().into_bytes())
            .collect();
        for pack in [gzip, zstd] {
            assert!(unpacked(&pack(&text)).expect("unpacked") == text);
            // Packed in two parts, as parallel packers do.
            let parts = [pack(&text[..1_000]), pack(&text[1_000..])].concat();
            assert!(unpacked(&parts).expect("unpacked") == text);
            assert!(unpacked(&pack(b"")).expect("unpacked").is_empty());
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_an_error() {
        let text: Vec<u8> = (0..50_000u32)
            .flat_map(|n| n.wrapping_mul(n).to_string().into_bytes())
            .collect();
        for pack in [gzip, zstd] {
            let packed = pack(&text);
            let error = unpacked(&packed[..packed.len() / 2])
                .expect_err("cut")
                .to_string();
            assert!(error.contains("file is damaged"), "{error}");
            let mut changed = packed.clone();
            for byte in changed.iter_mut().skip(20).step_by(50) {
                *byte ^= 0x55;
            }
            let read = unpacked(&changed);
            assert!(read.is_err() || read.is_ok_and(|read| read != text));
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = gzip(&vec![b' '; 80 << 20]);
        let error = unpacked(&bomb).expect_err("a bomb").to_string();
        assert!(error.contains("more than 100 times"), "{error}");
        assert!(unpacked(&gzip(&vec![b' '; 1 << 20])).is_ok(), "small");
    }
}
