//! The header of a page of a Parquet file, a structure in Thrift's compact protocol, of which a few numbers are looked at.

use super::pages::damaged;
use flate2::read::MultiGzDecoder;
use parquet::errors::Result;
use std::io::{self, Read};

/// What is looked at of a page's header.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Header {
    kind: i32,
    /// Bytes of the page as it will be in memory, and as it is in the file.
    pub(super) unpacked: u64,
    pub(super) packed: u64,
    pub(super) values: u64,
    /// Bytes that stand before what is packed, in a page of the second version.
    before: u64,
    is_packed: bool,
}

impl Header {
    const DATA: i32 = 0;
    const INDEX: i32 = 1;
    const DICTIONARY: i32 = 2;
    const DATA_V2: i32 = 3;

    /// Parquet's `PageHeader`. What else it holds is passed over; a list, of which it has none, is an error.
    pub(super) fn read(thrift: &mut Thrift<impl Read>) -> Result<Self> {
        let mut header = Header {
            is_packed: true,
            ..Header::default()
        };
        let mut of_kind = None;
        thrift.fields(|thrift, field, kind| {
            match (field, kind) {
                (1, kind::I32) => {
                    header.kind = i32::try_from(thrift.signed()?).map_err(|_| damaged())?;
                }
                (2, kind::I32) => header.unpacked = thrift.count()?,
                (3, kind::I32) => header.packed = thrift.count()?,
                (5 | 7 | 8, kind::STRUCT) => {
                    if of_kind.replace(field).is_some() {
                        return Err(damaged());
                    }
                    thrift.fields(|thrift, inner, kind| {
                        match (field, inner, kind) {
                            (_, 1, kind::I32) => header.values = thrift.count()?,
                            (8, 5 | 6, kind::I32) => header.before += thrift.count()?,
                            (8, 7, kind::FALSE) => header.is_packed = false,
                            (8, 7, kind::TRUE) => {}
                            (_, 1, _) | (8, 5..=7, _) => return Err(damaged()),
                            _ => thrift.skip(kind, 3)?,
                        }
                        Ok(())
                    })?;
                }
                (1..=3 | 5 | 7 | 8, _) => return Err(damaged()),
                _ => thrift.skip(kind, 4)?,
            }
            Ok(())
        })?;
        // What the crate would read is what was looked at: the description that belongs to the kind, and no other.
        let belongs = match header.kind {
            Self::DATA => of_kind == Some(5),
            Self::INDEX => of_kind.is_none(),
            Self::DICTIONARY => of_kind == Some(7),
            Self::DATA_V2 => of_kind == Some(8),
            _ => false,
        };
        let fits = header.before <= header.packed.min(header.unpacked);
        if belongs && fits {
            Ok(header)
        } else {
            Err(damaged())
        }
    }

    pub(super) fn is_dictionary(&self) -> bool {
        self.kind == Self::DICTIONARY
    }

    /// That a page packed by gzip, at whose start `input` is, unpacks to no more than it says: the crate reads it to its end.
    pub(super) fn check_gzip(&self, input: &mut impl Read) -> Result<()> {
        if !self.is_packed {
            return Ok(());
        }
        let says = self.unpacked - self.before;
        if says == 0 {
            return Ok(());
        }
        io::copy(&mut input.by_ref().take(self.before), &mut io::sink())?;
        let packed = input.by_ref().take(self.packed - self.before);
        let is = io::copy(
            &mut MultiGzDecoder::new(packed).take(says + 1),
            &mut io::sink(),
        )?;
        if is > says { Err(damaged()) } else { Ok(()) }
    }
}

/// A structure in Thrift's compact protocol, which ends within `left` bytes.
pub(super) struct Thrift<R> {
    pub(super) input: R,
    pub(super) left: u64,
}

/// What the protocol calls its types.
mod kind {
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const STRUCT: u8 = 12;
}

impl<R: Read> Thrift<R> {
    pub(super) fn byte(&mut self) -> Result<u8> {
        self.left = self.left.checked_sub(1).ok_or_else(damaged)?;
        let mut byte = [0];
        self.input.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged())
    }

    pub(super) fn signed(&mut self) -> Result<i64> {
        self.varint().map(unzigzag)
    }

    /// A signed number of 32 bits that is none below zero.
    fn count(&mut self) -> Result<u64> {
        let number = i32::try_from(self.signed()?).map_err(|_| damaged())?;
        u64::try_from(number).map_err(|_| damaged())
    }

    /// Calls `each` with the number and the kind of every field, at its value. A field that comes twice is an error: of its values one
    /// would be looked at and the other be read.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, i16, u8) -> Result<()>) -> Result<()> {
        let mut field = 0_i16;
        let mut seen = 0_u128;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            let step = i16::from(head >> 4);
            field = if step == 0 {
                i16::try_from(self.signed()?).map_err(|_| damaged())?
            } else {
                field.checked_add(step).ok_or_else(damaged)?
            };
            // Beyond these no field is looked at.
            let own = 1_u128.checked_shl(u32::try_from(field).map_err(|_| damaged())?);
            let own = own.unwrap_or(0);
            if seen & own != 0 {
                return Err(damaged());
            }
            seen |= own;
            each(self, field, head & 0xf)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Result<()> {
        match kind {
            kind::TRUE | kind::FALSE => Ok(()),
            kind::BYTE => self.byte().map(drop),
            kind::I16 | kind::I32 | kind::I64 => self.varint().map(drop),
            kind::DOUBLE => self.pass(8),
            kind::BINARY => {
                let bytes = self.varint()?;
                self.pass(bytes)
            }
            kind::STRUCT if depth > 0 => {
                self.fields(|thrift, _, kind| thrift.skip(kind, depth - 1))
            }
            _ => Err(damaged()),
        }
    }

    fn pass(&mut self, bytes: u64) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(damaged)?;
        let passed = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        if passed == bytes {
            Ok(())
        } else {
            Err(damaged())
        }
    }
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
