//! Papers as Parquet, with their vectors where those are given: what data frames read.

use crate::FormatError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;
use syntopic_core::Paper;

/// Rows written together.
const GROUP: usize = 10_000;

/// The columns; `vector` only where there are vectors, each list as long as the next.
const COLUMNS: &str = "
  required binary id (UTF8);
  required binary title (UTF8);
  optional binary abstract (UTF8);
  required group authors (LIST) { repeated group list { required binary element (UTF8); } }
  optional int32 year;
  optional binary date (UTF8);
  optional binary venue (UTF8);
  optional binary url (UTF8);
  optional binary doi (UTF8);
  required group categories (LIST) { repeated group list { required binary element (UTF8); } }
";
const VECTOR: &str =
    "optional group vector (LIST) { repeated group list { required float element; } }";

/// The same columns as Arrow describes them, in an encapsulated message of its IPC format: Parquet itself has no lists of a fixed size,
/// and data frames read `vector` as such a list where the file says so. Written by pyarrow's `schema.serialize()` for lists of
/// 0x01020304 numbers, whose place is [`LENGTH_AT`].
const ARROW_SCHEMA: &[u8; 744] = include_bytes!("arrow_schema.bin");
const LENGTH_AT: usize = 152;

type Group<'a, W> = SerializedRowGroupWriter<'a, W>;

/// A row a paper, in their order. `vectors` are those of the papers, shape `(dim,)` each, where there are any; a paper without one
/// has none in the file.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_parquet(
    out: &mut dyn Write,
    papers: &[Paper],
    vectors: Option<&[Option<Vec<f32>>]>,
) -> Result<(), FormatError> {
    // The writer may hand its output to another thread, which a standard output does not let it do.
    let mut file = tempfile::tempfile().map_err(FormatError::Write)?;
    write(&mut file, papers, vectors)
        .map_err(|why| FormatError::Write(std::io::Error::other(why)))?;
    file.rewind()
        .and_then(|()| std::io::copy(&mut file, out))
        .map(|_| ())
        .map_err(FormatError::Write)
}

fn write(
    out: &mut File,
    papers: &[Paper],
    vectors: Option<&[Option<Vec<f32>>]>,
) -> Result<(), ParquetError> {
    let vector = if vectors.is_some() { VECTOR } else { "" };
    let schema = parse_message_type(&format!("message papers {{ {COLUMNS} {vector} }}"))?;
    let lengths = vectors.into_iter().flatten().flatten().map(Vec::len);
    let described = lengths.max().map(arrow_schema);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(described.map(|described| vec![described]))
        .build();
    let mut file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    for (at, papers) in papers.chunks(GROUP).enumerate() {
        let mut group = file.next_row_group()?;
        texts(&mut group, papers, |p| Some(p.id.as_str()), false)?;
        texts(&mut group, papers, |p| Some(&p.title), false)?;
        texts(&mut group, papers, |p| p.abstract_text.as_deref(), true)?;
        lists(&mut group, papers, |p| &p.authors)?;
        let years: Vec<Option<i32>> = papers.iter().map(|p| p.year).collect();
        let levels: Vec<i16> = years.iter().map(|year| i16::from(year.is_some())).collect();
        let years: Vec<i32> = years.into_iter().flatten().collect();
        column::<Int32Type, _>(&mut group, &years, Some(&levels), None)?;
        for field in [
            (|p: &Paper| p.date.as_deref()) as fn(&Paper) -> Option<&str>,
            |p| p.venue.as_deref(),
            |p| p.url.as_deref(),
            |p| p.doi.as_deref(),
        ] {
            texts(&mut group, papers, field, true)?;
        }
        lists(&mut group, papers, |p| &p.categories)?;
        if let Some(vectors) = vectors {
            let from = at * GROUP;
            numbers(&mut group, &vectors[from..from + papers.len()])?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// What tells data frames that each vector has so many numbers.
fn arrow_schema(length: usize) -> KeyValue {
    let mut schema = *ARROW_SCHEMA;
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    schema[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_le_bytes());
    KeyValue::new("ARROW:schema".to_owned(), BASE64_STANDARD.encode(schema))
}

/// One column of values with their levels.
fn column<T: DataType, W: Write + Send>(
    group: &mut Group<'_, W>,
    values: &[T::T],
    defined: Option<&[i16]>,
    repeated: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General(String::from("a column is missing")));
    };
    column.typed::<T>().write_batch(values, defined, repeated)?;
    column.close()
}

fn texts<W: Write + Send>(
    group: &mut Group<'_, W>,
    papers: &[Paper],
    field: fn(&Paper) -> Option<&str>,
    optional: bool,
) -> Result<(), ParquetError> {
    let fields = || papers.iter().map(field);
    let values: Vec<ByteArray> = fields().flatten().map(ByteArray::from).collect();
    let levels: Vec<i16> = fields().map(|text| i16::from(text.is_some())).collect();
    column::<ByteArrayType, W>(group, &values, optional.then_some(&levels[..]), None)
}

fn lists<W: Write + Send>(
    group: &mut Group<'_, W>,
    papers: &[Paper],
    field: fn(&Paper) -> &Vec<String>,
) -> Result<(), ParquetError> {
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for list in papers.iter().map(field) {
        if list.is_empty() {
            defined.push(0);
            repeated.push(0);
        }
        for (at, item) in list.iter().enumerate() {
            values.push(ByteArray::from(item.as_str()));
            defined.push(1);
            repeated.push(i16::from(at > 0));
        }
    }
    column::<ByteArrayType, W>(group, &values, Some(&defined), Some(&repeated))
}

fn numbers<W: Write + Send>(
    group: &mut Group<'_, W>,
    vectors: &[Option<Vec<f32>>],
) -> Result<(), ParquetError> {
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for vector in vectors {
        match vector {
            None => {
                defined.push(0);
                repeated.push(0);
            }
            Some(vector) => {
                values.extend(vector);
                defined.extend(vector.iter().map(|_| 2));
                repeated.extend((0..vector.len()).map(|at| i16::from(at > 0)));
            }
        }
    }
    column::<FloatType, W>(group, &values, Some(&defined), Some(&repeated))
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use syntopic_core::PaperId;

    #[test]
    fn vectors_are_lists_of_one_length_beside_the_papers() {
        let paper = |id: &str| Paper::new(PaperId::new(id).unwrap(), "A title", None).unwrap();
        let papers = [paper("a"), paper("b"), paper("c")];
        let vectors = [Some(vec![0.5f32, -1.0]), None, Some(vec![0.25, 2.0])];
        let mut bytes = Vec::new();
        write_parquet(&mut bytes, &papers, Some(&vectors)).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        let read: Vec<Option<Vec<f32>>> = rows
            .map(|row| {
                let (_, field) = row
                    .get_column_iter()
                    .find(|(name, _)| *name == "vector")
                    .unwrap();
                match field {
                    Field::ListInternal(list) => {
                        let numbers = list.elements().iter().map(|item| match item {
                            Field::Float(number) => *number,
                            other => panic!("{other}"),
                        });
                        Some(numbers.collect())
                    }
                    _ => None,
                }
            })
            .collect();
        assert_eq!(read, vectors);
        let mut none = Vec::new();
        write_parquet(&mut none, &[], None).unwrap();
        assert!(none.starts_with(b"PAR1"));
    }
}
