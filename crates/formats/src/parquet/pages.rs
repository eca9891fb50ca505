//! What a Parquet file says of its pages, held against the file and against bounds before the parquet crate makes room for them.
//!
//! The crate believes a page's header: it makes room for as many bytes as a page is said to unpack to, and for as many lengths
//! as its encoding is said to hold. Here every header of a column is read first (a Thrift structure, of which a few numbers are
//! looked at), so a file of a kilobyte cannot ask for gigabytes. Not for: what a page holds.

use super::header::{Header, Thrift};
use super::lengths::check_encoding;
use super::records::Lists;
use parquet::basic::Compression;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that the pages which are read at a time may take, with what is made of them.
const MOST: u64 = 768 << 20;

/// Bytes of what stands at the end of a file, where its parts are.
const MOST_FOOTER: u64 = 16 << 20;

/// Rows and values of a column for each byte of a file, at most: as with files that are packed, more is a bomb.
const MOST_A_BYTE: u64 = 100;

/// Bytes of one value of a dictionary, beside those of its text.
const VALUE: u64 = 32;

/// A file whose pages are looked at before they are read.
pub(super) struct BoundedFile {
    file: File,
    reader: SerializedFileReader<File>,
    bytes: u64,
}

impl BoundedFile {
    /// Reads the end of `file`; an error where its parts cannot be in it.
    pub(super) fn new(mut file: File) -> Result<Self> {
        let bytes = file.metadata()?.len();
        let mut end = [0; 8];
        if bytes >= 8 {
            file.seek(SeekFrom::End(-8))?;
            file.read_exact(&mut end)?;
        }
        let [a, b, c, d, ..] = end;
        if u64::from(u32::from_le_bytes([a, b, c, d])) > MOST_FOOTER {
            let why = format!("its description has more than {MOST_FOOTER} bytes");
            return Err(ParquetError::General(why));
        }
        let reader = SerializedFileReader::new(file.try_clone()?)?;
        check(reader.metadata(), bytes)?;
        Ok(Self {
            file,
            reader,
            bytes,
        })
    }

    /// Reads the headers of all pages of a column in a group: bytes that reading it takes at most.
    fn cost(&self, column: &ColumnChunkMetaData) -> Result<u64> {
        let (mut at, mut left) = column.byte_range();
        let mut input = BufReader::new(self.file.try_clone()?);
        let (mut page, mut dictionary) = (0, 0);
        input.seek(SeekFrom::Start(at))?;
        while left > 0 {
            // What is in the buffer already stays there.
            let here = input.stream_position()?;
            input.seek_relative(at.cast_signed() - here.cast_signed())?;
            let mut thrift = Thrift {
                input: &mut input,
                left,
            };
            let header = Header::read(&mut thrift)?;
            at += left - thrift.left;
            left = thrift.left;
            if header.packed > left || header.values > self.bytes.saturating_mul(MOST_A_BYTE) {
                return Err(damaged());
            }
            if matches!(column.compression(), Compression::GZIP(_)) {
                header.check_gzip(&mut input)?;
            }
            at += header.packed;
            left -= header.packed;
            // Of a page there are the one before, and what rows and papers hold of it; a dictionary stays.
            if header.is_dictionary() {
                let texts = header.unpacked.saturating_mul(3);
                let values = header.values.saturating_mul(VALUE);
                dictionary = dictionary.max(header.packed + texts + values);
            } else {
                let texts = header.unpacked.saturating_mul(4);
                page = page.max(header.packed + texts + header.values.saturating_mul(8));
            }
        }
        Ok(page + dictionary)
    }
}

impl FileReader for BoundedFile {
    fn metadata(&self) -> &ParquetMetaData {
        self.reader.metadata()
    }

    fn num_row_groups(&self) -> usize {
        self.reader.num_row_groups()
    }

    fn get_row_group(&self, at: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(BoundedGroup {
            file: self,
            group: self.reader.get_row_group(at)?,
            taken: AtomicU64::new(0),
        }))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

/// A group of rows of such a file, whose columns are read side by side.
struct BoundedGroup<'a> {
    file: &'a BoundedFile,
    group: Box<dyn RowGroupReader + 'a>,
    /// Bytes that the columns which are read take.
    taken: AtomicU64,
}

impl RowGroupReader for BoundedGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.group.metadata()
    }

    fn num_columns(&self) -> usize {
        self.group.num_columns()
    }

    fn get_column_page_reader(&self, at: usize) -> Result<Box<dyn PageReader>> {
        let column = self.metadata().column(at);
        let cost = self.file.cost(column)?;
        let before = self.taken.fetch_add(cost, Ordering::Relaxed);
        if before.saturating_add(cost) > MOST {
            return Err(ParquetError::General(format!(
                "the pages of {} are larger than can be read: with those of other columns they take {} bytes of memory, {MOST} at \
                 most; write the file with smaller pages",
                column.column_path(),
                before.saturating_add(cost)
            )));
        }
        let descr = column.column_descr();
        Ok(Box::new(BoundedPages {
            pages: self.group.get_column_page_reader(at)?,
            levels: [descr.max_rep_level(), descr.max_def_level()],
            lists: Lists::of(descr),
        }))
    }

    fn get_column_bloom_filter(&self, at: usize) -> Option<&Sbbf> {
        self.group.get_column_bloom_filter(at)
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

/// The pages of a column; an error instead of one whose encoding is said to hold more than the page.
struct BoundedPages {
    pages: Box<dyn PageReader>,
    /// The highest levels of repetition and definition.
    levels: [i16; 2],
    lists: Lists,
}

impl Iterator for BoundedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for BoundedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            let text = check_encoding(page, self.levels)?;
            if self.levels[0] > 0 {
                self.lists.check(page, self.levels[0], text)?;
            }
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// What a file says of its parts cannot be.
pub(super) fn damaged() -> ParquetError {
    ParquetError::General("what it says of its parts cannot be".to_owned())
}

/// That the columns lie within the file, which has so many bytes, and hold no more than it can.
fn check(metadata: &ParquetMetaData, bytes: u64) -> Result<()> {
    let most = bytes.saturating_mul(MOST_A_BYTE);
    let most = |count: i64| u64::try_from(count).is_ok_and(|count| count <= most);
    if !most(metadata.file_metadata().num_rows()) {
        return Err(damaged());
    }
    for group in metadata.row_groups() {
        let columns = group.columns().iter();
        let mut columns = columns.map(|column| (column, column.dictionary_page_offset()));
        let is_in = |(column, dictionary): (&ColumnChunkMetaData, Option<i64>)| {
            let start = u64::try_from(dictionary.unwrap_or(column.data_page_offset()));
            let length = u64::try_from(column.compressed_size());
            let end = start.ok().zip(length.ok());
            let end = end.and_then(|(start, length)| start.checked_add(length));
            end.is_some_and(|end| end <= bytes) && most(column.num_values())
        };
        if !most(group.num_rows()) || !columns.all(is_in) {
            return Err(damaged());
        }
    }
    Ok(())
}

/// The levels of repetition of a page of data, and its values. `highest` are the highest levels of repetition and definition.
pub(super) fn levels_of(page: &Page, highest: [i16; 2]) -> Result<(&[u8], &[u8])> {
    let mut data = &page.buffer()[..];
    let mut take = |bytes: u32| {
        let bytes = usize::try_from(bytes).map_err(|_| damaged())?;
        data.split_off(..bytes).ok_or_else(damaged)
    };
    let mut repeated = &[][..];
    match page {
        Page::DataPage { .. } => {
            for (at, _) in highest.iter().enumerate().filter(|(_, level)| **level > 0) {
                let length = take(4)?.first_chunk().copied().ok_or_else(damaged)?;
                let levels = take(u32::from_le_bytes(length))?;
                if at == 0 {
                    repeated = levels;
                }
            }
        }
        Page::DataPageV2 {
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } => {
            repeated = take(*rep_levels_byte_len)?;
            take(*def_levels_byte_len)?;
        }
        Page::DictionaryPage { .. } => {}
    }
    Ok((repeated, data))
}
