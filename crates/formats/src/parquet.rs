//! Parquet: a row a paper, columns known by their names as those of a table are. Other columns, vectors say, are not read.
//!
//! The end of such a file says where its parts are, so a stream is first copied to a temporary file.

mod header;
mod lengths;
mod pages;
mod records;

use crate::FormatError;
use crate::page::Bad;
use crate::records::{Draft, Record, Records, natural_order, plain};
use crate::table::{ColumnMap, columns, listed, names};
use pages::{BoundedFile, damaged};
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, Seek};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The records of one file.
pub(crate) struct ParquetRecords {
    rows: RowIter<'static>,
    /// The name of the column of each field.
    columns: BTreeMap<&'static str, String>,
    row: u64,
}

impl ParquetRecords {
    /// Reads where the columns of `file` are; `map` says what they mean where they do not say it themselves.
    pub(crate) fn new(
        file: &str,
        mut input: impl BufRead,
        map: &ColumnMap,
    ) -> Result<Self, FormatError> {
        let error = |error: io::Error| FormatError::Read {
            file: file.to_owned(),
            error,
        };
        let mut copy: File = tempfile::tempfile().map_err(error)?;
        io::copy(&mut input, &mut copy).map_err(error)?;
        copy.rewind().map_err(error)?;
        let wrong = |why: ParquetError| error(io::Error::other(why));
        let reader = caught(|| BoundedFile::new(copy)).map_err(wrong)?;
        let schema = reader
            .metadata()
            .file_metadata()
            .schema_descr()
            .root_schema_ptr();
        let headings = schema
            .get_fields()
            .iter()
            .map(|field| field.name().to_owned());
        let headings: Vec<String> = headings.collect();
        let found = columns(file, &headings, map)?;
        let wanted = schema.get_fields().iter().enumerate();
        let wanted = wanted.filter(|(at, _)| found.values().any(|column| column == at));
        let projection = Type::group_type_builder(schema.name())
            .with_fields(wanted.map(|(_, field)| field.clone()).collect())
            .build()
            .map_err(wrong)?;
        let rows = caught(|| RowIter::from_file_into(Box::new(reader)).project(Some(projection)));
        let named = |(field, at): (&'static str, usize)| (field, headings[at].clone());
        Ok(Self {
            // A row at a time: of more, the pages behind all of them would be held at once.
            rows: rows.map_err(wrong)?.with_batch_size(1),
            columns: found.into_iter().map(named).collect(),
            row: 0,
        })
    }

    fn draft(&self, row: &Row) -> Draft {
        let fields: BTreeMap<&str, &Field> = (row.get_column_iter())
            .map(|(name, field)| (name.as_str(), field))
            .collect();
        let field = |name: &str| {
            let column = self.columns.get(name);
            column.and_then(|column| fields.get(column.as_str()).copied())
        };
        let one = |name: &str| field(name).map(text).unwrap_or_default().trim().to_owned();
        let several = |name: &str, apart: fn(&str) -> Vec<String>| match field(name) {
            Some(Field::ListInternal(list)) => list
                .elements()
                .iter()
                .map(|item| plain(&text(item)))
                .collect(),
            Some(other) => apart(&plain(&text(other))),
            None => Vec::new(),
        };
        let authors = several("authors", names);
        Draft {
            line: self.row,
            id: one("id"),
            title: plain(&one("title")),
            abstract_text: plain(&one("abstract")),
            authors: authors.iter().map(|name| natural_order(name)).collect(),
            year: one("year"),
            date: one("date"),
            venue: plain(&one("venue")),
            url: one("url"),
            doi: one("doi"),
            categories: several("categories", listed),
        }
    }
}

impl Records for ParquetRecords {
    fn next(&mut self, ready: &mut VecDeque<Record>) -> io::Result<bool> {
        let rows = &mut self.rows;
        let Some(row) = caught(|| rows.next().transpose()).transpose() else {
            return Ok(false);
        };
        self.row += 1;
        ready.push_back(match row {
            Ok(row) => Ok(self.draft(&row)),
            Err(why) if self.row == 1 => return Err(io::Error::other(why)),
            Err(why) => {
                // What follows a damaged page cannot be told from it.
                let line = self.row;
                let why = format!("the file is damaged from here on: {why}");
                ready.push_back(Err(Bad { line, why }));
                return Ok(false);
            }
        });
        Ok(true)
    }
}

/// What the crate asserts of a file, it does not check before: a panic is an error of the file too.
fn caught<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    syntopic_core::caught(work).unwrap_or_else(|| Err(damaged()))
}

/// A value as text; of a group, such as an author with a name and an address, its name or first text.
fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Date(days) => day(i64::from(*days)),
        Field::TimestampMillis(millis) => day(millis.div_euclid(1_000 * DAY)),
        Field::TimestampMicros(micros) => day(micros.div_euclid(1_000_000 * DAY)),
        Field::Group(row) => {
            let named = row.get_column_iter().find(|(name, _)| *name == "name");
            let found = named.or_else(|| {
                let mut texts = row.get_column_iter();
                texts.find(|(_, field)| matches!(field, Field::Str(_)))
            });
            found.map(|(_, field)| text(field)).unwrap_or_default()
        }
        Field::ListInternal(list) => {
            let texts: Vec<String> = list.elements().iter().map(text).collect();
            texts.join("; ")
        }
        other => other.to_string(),
    }
}

/// A day in ISO 8601, of its number since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn day(since_1970: i64) -> String {
    let z = since_1970 + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::properties::{WriterProperties, WriterVersion};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use std::sync::Arc;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (number, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (19_723, "2024-01-01"),
            (20_000, "2024-10-04"),
        ] {
            assert_eq!(day(number), expected);
        }
    }

    /// A file of titles and authors, by the parquet crate's own writer.
    fn written(properties: WriterProperties, rows: usize) -> Vec<u8> {
        let schema = "message papers { required binary title (UTF8);
            required group authors (LIST) { repeated group list { required binary element (UTF8); } } }";
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let mut bytes = Vec::new();
        let mut file =
            SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).expect("a file");
        let mut group = file.next_row_group().expect("a group");
        let titles: Vec<String> = (0..rows).map(title).collect();
        let titles: Vec<ByteArray> = titles.iter().map(|t| t.as_str().into()).collect();
        let authors = vec![ByteArray::from("A. Author"); 3 * rows];
        let columns: [(&[ByteArray], _, _); 2] = [
            (&titles, vec![0; rows], vec![0; rows]),
            (&authors, vec![1; 3 * rows], [0, 1, 1].repeat(rows)),
        ];
        for (values, defined, repeated) in columns {
            let mut column = group.next_column().expect("a column").expect("a column");
            let typed = column.typed::<ByteArrayType>();
            typed
                .write_batch(values, Some(&defined), Some(&repeated))
                .expect("written");
            column.close().expect("closed");
        }
        group.close().expect("closed");
        file.close().expect("closed");
        bytes
    }

    fn title(row: usize) -> String {
        format!("On Paper {} of Very Many", row * row)
    }

    #[test]
    fn whatever_the_encoding_and_the_packing_papers_are_the_same() {
        let rows = 3_000;
        let gzip = Compression::GZIP(GzipLevel::default());
        let zstd = Compression::ZSTD(ZstdLevel::default());
        for packing in [Compression::UNCOMPRESSED, Compression::SNAPPY, gzip, zstd] {
            for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
                for encoding in [
                    None,
                    Some(Encoding::PLAIN),
                    Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
                    Some(Encoding::DELTA_BYTE_ARRAY),
                ] {
                    let mut properties = WriterProperties::builder()
                        .set_compression(packing)
                        .set_writer_version(version)
                        .set_data_page_size_limit(10_000)
                        .set_write_batch_size(100)
                        .set_dictionary_enabled(encoding.is_none());
                    if let Some(encoding) = encoding {
                        properties = properties.set_encoding(encoding);
                    }
                    let bytes = written(properties.build(), rows);
                    let told = format!("{packing:?} {version:?} {encoding:?}");
                    let papers = crate::open("f", Box::new(&bytes[..]), None).expect(&told);
                    let papers: Vec<syntopic_core::Paper> = papers
                        .map(|paper| paper.expect(&told).expect(&told))
                        .collect();
                    let titles = papers.iter().map(|paper| paper.title.clone());
                    assert!(titles.eq((0..rows).map(title)), "{told}");
                    let whole = |paper: &syntopic_core::Paper| paper.authors.len() == 3;
                    assert!(papers.iter().all(whole), "{told}");
                }
            }
        }
    }
}
