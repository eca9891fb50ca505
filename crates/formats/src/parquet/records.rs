//! How long a list of one row can be that a page of a repeated column holds: of a value that its dictionary has once, a few bytes make
//! a list of a million.

use super::header::Thrift;
use super::lengths::number;
use super::pages::{damaged, levels_of};
use parquet::basic::{Encoding, Type};
use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescriptor;

/// Values of one row, and bytes of their texts, at most.
const MOST_VALUES: u64 = 1 << 19;
const MOST_TEXT: u64 = 64 << 20;

/// Bytes of the texts of one row that goes on from page to page, at most.
const MOST_PAGES: u64 = 128 << 20;

/// What is known of a repeated column after the pages so far.
pub(super) struct Lists {
    /// Whether each value of a dictionary stands after its length.
    has_lengths: bool,
    /// Bytes of the longest value of the dictionary.
    longest_value: u64,
    /// Values of the row that the last page ended in.
    open: u64,
    /// Bytes of text, at most, of the pages that this row is in.
    open_text: u64,
    /// Rows that began so far.
    begun: u64,
}

impl Lists {
    /// Before the first page of a column.
    pub(super) fn of(column: &ColumnDescriptor) -> Self {
        let is_fixed = column.physical_type() == Type::FIXED_LEN_BYTE_ARRAY;
        let fixed = if is_fixed { column.type_length() } else { 0 };
        Self {
            has_lengths: column.physical_type() == Type::BYTE_ARRAY,
            longest_value: u64::try_from(fixed).unwrap_or(0),
            open: 0,
            open_text: 0,
            begun: 0,
        }
    }

    /// Looks at the next page of a column whose highest level of repetition is `level`; `text` is what its texts have at most where they
    /// are not looked up.
    ///
    /// # Errors
    /// Where the list of one row may be too long to be held.
    pub(super) fn check(&mut self, page: &Page, level: i16, text: u64) -> Result<()> {
        if let Page::DictionaryPage { buf, .. } = page {
            if self.has_lengths {
                self.longest_value = longest_value(buf);
            }
            return Ok(());
        }
        let width = u8::try_from(16 - level.leading_zeros()).map_err(|_| damaged())?;
        let values = u64::from(page.num_values());
        let begun = self.begun;
        let longest = match page {
            Page::DataPage {
                rep_level_encoding, ..
            } if *rep_level_encoding != Encoding::RLE => {
                self.open += values;
                self.open
            }
            _ => {
                let (levels, _) = levels_of(page, [level, 0])?;
                self.longest_row(levels, width, values)?
            }
        };
        let is_looked_up = matches!(
            page.encoding(),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY
        );
        // A row that goes on from the page before has the texts of both; none does where the page begins with a row.
        let before = self.open_text;
        let own = if is_looked_up { 0 } else { text };
        self.open_text = match self.begun > begun {
            true => own,
            false => before.saturating_add(own),
        };
        if before > 0 && before.saturating_add(own) > MOST_PAGES {
            let why = "the list of one row is too large to be held".to_owned();
            return Err(ParquetError::General(why));
        }
        let text = if is_looked_up { self.longest_value } else { 0 };
        if longest > MOST_VALUES || longest.saturating_mul(text) > MOST_TEXT {
            let why = format!("the list of one row has {longest} values, too many to be held");
            return Err(ParquetError::General(why));
        }
        Ok(())
    }

    /// The values of the longest row that a page has, by its levels of repetition (Parquet's RLE: runs and packed bits by turns).
    fn longest_row(&mut self, levels: &[u8], width: u8, mut left: u64) -> Result<u64> {
        let mut thrift = Thrift {
            input: levels,
            left: levels.len() as u64,
        };
        let (mut longest, mut is_first) = (0, true);
        while left > 0 && !thrift.input.is_empty() {
            let head = thrift.varint()?;
            let (count, is_run) = (head >> 1, head & 1 == 0);
            let (values, bytes) = if is_run {
                (count, u64::from(width.div_ceil(8)))
            } else {
                (count.saturating_mul(8), count.saturating_mul(width.into()))
            };
            let bytes = usize::try_from(bytes).map_or(usize::MAX, |b| b.min(thrift.input.len()));
            let own = thrift.input.split_off(..bytes).unwrap_or_default();
            thrift.left -= own.len() as u64;
            let values = values.min(left);
            left -= values;
            let is_first = std::mem::take(&mut is_first);
            if is_first && values > 0 && number(own, 0, width)? == 0 {
                self.open_text = 0;
            }
            if is_run {
                if number(own, 0, width)? != 0 {
                    self.open += values;
                } else if values > 0 {
                    longest = longest.max(self.open);
                    self.open = 1;
                    self.begun += values;
                }
                continue;
            }
            for at in 0..values.min(own.len() as u64 * 8 / u64::from(width.max(1))) {
                if number(own, at * u64::from(width), width)? == 0 {
                    longest = longest.max(self.open);
                    self.open = 0;
                    self.begun += 1;
                }
                self.open += 1;
            }
        }
        Ok(longest.max(self.open))
    }
}

/// Bytes of the longest of texts, each after its length.
fn longest_value(mut dictionary: &[u8]) -> u64 {
    let mut longest = 0;
    while let Some((length, rest)) = dictionary.split_first_chunk() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(u64::from(length));
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        dictionary = rest.get(length..).unwrap_or_default();
    }
    longest
}
