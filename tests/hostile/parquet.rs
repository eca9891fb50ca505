//! Parquet files that say what cannot be, or that become large: small files, with a good row in a group of its own first.

use super::bombs::{case, gzip};
use super::{Case, add_all};

const GOOD: &str = "A Good Row";

/// A structure in Thrift's compact protocol, its fields in the order of their numbers.
#[derive(Default)]
struct Thrift {
    bytes: Vec<u8>,
    last: u8,
}

impl Thrift {
    fn field(mut self, number: u8, kind: u8) -> Self {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
        self
    }

    fn i32(self, field: u8, number: i64) -> Self {
        let mut own = self.field(field, 5);
        own.bytes.extend(zigzag(number));
        own
    }

    fn i64(self, field: u8, number: i64) -> Self {
        let mut own = self.field(field, 6);
        own.bytes.extend(zigzag(number));
        own
    }

    fn text(self, field: u8, text: &str) -> Self {
        let mut own = self.field(field, 8);
        own.bytes.extend(string(text));
        own
    }

    fn inner(self, field: u8, inner: Self) -> Self {
        let mut own = self.field(field, 12);
        own.bytes.extend(inner.end());
        own
    }

    fn list(self, field: u8, kind: u8, items: &[Vec<u8>]) -> Self {
        let mut own = self.field(field, 9);
        own.bytes
            .push(u8::try_from(items.len()).expect("few") << 4 | kind);
        own.bytes.extend(items.concat());
        own
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn zigzag(number: i64) -> Vec<u8> {
    varint((number << 1 ^ number >> 63) as u64)
}

fn string(text: &str) -> Vec<u8> {
    [varint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

const UNPACKED: i64 = 0;
const SNAPPY: i64 = 1;
const GZIP: i64 = 2;
const ZSTD: i64 = 6;

const PLAIN: i64 = 0;
const DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const DELTA_LENGTHS: i64 = 6;
const DELTA_TEXTS: i64 = 7;

/// A page with its header; `unpacked` is what it says of itself.
fn page(dictionary: bool, unpacked: i64, values: i64, encoding: i64, data: &[u8]) -> Vec<u8> {
    let says = Thrift::default().i32(1, values).i32(2, encoding);
    let header = Thrift::default()
        .i32(1, if dictionary { 2 } else { 0 })
        .i32(2, unpacked)
        .i32(3, data.len() as i64);
    let header = if dictionary {
        header.inner(7, says)
    } else {
        header.inner(5, says.i32(3, RLE).i32(4, RLE))
    };
    [header.end(), data.to_vec()].concat()
}

/// Values as they stand in a page that is plain.
fn plain(values: &[&str]) -> Vec<u8> {
    let one = |text: &&str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    values.iter().flat_map(one).collect()
}

fn whole(data: &[u8], values: i64, encoding: i64) -> Vec<u8> {
    page(false, data.len() as i64, values, encoding, data)
}

fn dictionary(values: &[&str]) -> Vec<u8> {
    let data = plain(values);
    page(true, data.len() as i64, values.len() as i64, PLAIN, &data)
}

/// A group of rows with the pages of its columns: a codec, how many values, and whether a dictionary comes first.
struct Group {
    rows: i64,
    columns: Vec<(i64, i64, bool, Vec<u8>)>,
}

fn titles(rows: i64, codec: i64, has_dictionary: bool, pages: Vec<u8>) -> Group {
    Group {
        rows,
        columns: vec![(codec, rows, has_dictionary, pages)],
    }
}

/// A file of titles, and of lists of authors if the groups have two columns.
fn file(groups: &[Group]) -> Vec<u8> {
    let mut bytes = b"PAR1".to_vec();
    let has_lists = groups.iter().any(|group| group.columns.len() > 1);
    let paths: [&[&str]; 2] = [&["title"], &["authors", "list", "element"]];
    let mut described = Vec::new();
    let mut rows = 0;
    for group in groups {
        let mut columns = Vec::new();
        for ((codec, values, has_dictionary, pages), path) in group.columns.iter().zip(paths) {
            let at = bytes.len() as i64;
            bytes.extend(pages);
            let path: Vec<Vec<u8>> = path.iter().map(|name| string(name)).collect();
            let mut about = Thrift::default()
                .i32(1, 6)
                .list(2, 5, &[zigzag(PLAIN)])
                .list(3, 8, &path)
                .i32(4, *codec)
                .i64(5, *values)
                .i64(6, pages.len() as i64)
                .i64(7, pages.len() as i64)
                .i64(9, at);
            if *has_dictionary {
                about = about.i64(11, at);
            }
            columns.push(Thrift::default().i64(2, at).inner(3, about).end());
        }
        rows += group.rows;
        let about = Thrift::default().list(1, 12, &columns).i64(2, 1_000);
        described.push(about.i64(3, group.rows).end());
    }
    let text = |name| {
        Thrift::default()
            .i32(1, 6)
            .i32(3, 0)
            .text(4, name)
            .i32(6, 0)
    };
    let children = |repeated, name, kind: Option<i64>| {
        let own = Thrift::default().i32(3, repeated).text(4, name).i32(5, 1);
        kind.map_or(own.bytes.clone(), |kind| own.i32(6, kind).end())
    };
    let root = Thrift::default()
        .text(4, "papers")
        .i32(5, 1 + i64::from(has_lists));
    let mut schema = vec![root.end(), text("title").end()];
    if has_lists {
        let mut list = children(2, "list", None);
        list.push(0);
        schema.extend([children(0, "authors", Some(3)), list, text("element").end()]);
    }
    let footer = Thrift::default()
        .i32(1, 1)
        .list(2, 12, &schema)
        .i64(3, rows)
        .list(4, 12, &described)
        .end();
    bytes.extend(&footer);
    bytes.extend((footer.len() as u32).to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

fn good() -> Group {
    titles(1, UNPACKED, false, whole(&plain(&[GOOD]), 1, PLAIN))
}

fn beside_a_good_row(name: &str, group: Group) -> Case {
    case(name, file(&[good(), group]), &[GOOD])
}

/// Lengths that say how many they are, and are not there.
fn lengths(count: u64) -> Vec<u8> {
    [
        varint(1 << 30),
        varint(1),
        varint(count),
        zigzag(0),
        zigzag(0),
        vec![0],
    ]
    .concat()
}

/// Numbers as Parquet's DELTA_BINARY_PACKED, their differences as 32 bits or, where they are the same, as none.
fn differences(numbers: &[i64]) -> Vec<u8> {
    let mut bytes = [
        varint(128),
        varint(4),
        varint(numbers.len() as u64),
        zigzag(numbers[0]),
    ]
    .concat();
    let steps: Vec<i64> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for block in steps.chunks(128) {
        let least = *block.iter().min().expect("a step");
        bytes.extend(zigzag(least));
        let is_even = block.iter().all(|step| *step == least);
        bytes.extend([if is_even { 0 } else { 32 }; 4]);
        for at in 0..if is_even { 0 } else { 128 } {
            let more = block.get(at).map_or(0, |step| step - least);
            bytes.extend((more as u32).to_le_bytes());
        }
    }
    bytes
}

#[test]
fn pages_that_say_what_cannot_be() {
    let most = i64::from(i32::MAX);
    let claims = |codec, unpacked, data: &[u8]| {
        titles(1, codec, false, page(false, unpacked, 1, PLAIN, data))
    };
    let bomb = gzip(&vec![0; 300 << 20]).repeat(8);
    let looked_up = |values: i64, name: &str| {
        // One run of the first value, its index of one bit.
        let run = [vec![1], varint((values as u64) << 1), vec![0]].concat();
        [dictionary(&[name]), whole(&run, values, DICTIONARY)].concat()
    };
    let mut statistics = Thrift::default().field(1, 8);
    statistics.bytes.extend(varint(1 << 40));
    let says = Thrift::default().i32(1, 1).i32(2, PLAIN).i32(3, RLE);
    let says = says.i32(4, RLE).inner(5, statistics);
    let header = Thrift::default().i32(1, 0).i32(2, 100).i32(3, 0);
    let header = header.inner(5, says).end();
    let first = [lengths(1), lengths(most as u64)].concat();
    let mut cases = vec![
        case("a good row", file(&[good()]), &[GOOD]),
        beside_a_good_row(
            "snappy, 2 GiB are said",
            claims(SNAPPY, most, b"\xff\xff\xff\xff\x07\0"),
        ),
        beside_a_good_row(
            "snappy, 150 MB are said",
            claims(SNAPPY, 150 << 20, b"\xff\xff\xff\xff\x07\0"),
        ),
        beside_a_good_row("gzip, 2 GiB are said", claims(GZIP, most, &gzip(b"x"))),
        beside_a_good_row(
            "zstd, 2 GiB are said",
            claims(ZSTD, most, b"\x28\xb5\x2f\xfd\0\x58\x01\0\0"),
        ),
        beside_a_good_row("gzip, 100 bytes that are 2.4 GB", claims(GZIP, 100, &bomb)),
        beside_a_good_row("gzip, 2 GiB that are 2.4 GB", claims(GZIP, most, &bomb)),
        beside_a_good_row("less than nothing", claims(SNAPPY, -1, b"x")),
        beside_a_good_row("statistics of a terabyte", titles(1, SNAPPY, false, header)),
        beside_a_good_row(
            "a dictionary of 2 billion values",
            titles(
                1,
                UNPACKED,
                true,
                [
                    page(true, 8, most, PLAIN, &plain(&["x"])),
                    whole(&[1, 2, 0], 1, DICTIONARY),
                ]
                .concat(),
            ),
        ),
        beside_a_good_row(
            "2 billion lengths",
            titles(
                1,
                UNPACKED,
                false,
                whole(&lengths(most as u64), 1, DELTA_LENGTHS),
            ),
        ),
        beside_a_good_row(
            "2 billion lengths after others",
            titles(1, UNPACKED, false, whole(&first, 1, DELTA_TEXTS)),
        ),
        beside_a_good_row(
            "a page of 2 billion values",
            titles(1, UNPACKED, false, whole(b"x", most, PLAIN)),
        ),
        case(
            "rows by the billion",
            file(&[good(), titles(most, UNPACKED, true, looked_up(most, "T"))]),
            &[],
        ),
        case(
            "a description of 2 GiB",
            [&b"PAR1"[..], &[0; 100], &[0xff, 0xff, 0xff, 0x7f], b"PAR1"].concat(),
            &[],
        ),
    ];
    // A megabyte, and then 2,000 values that have all of it in common with the one before.
    let text = "x".repeat(1 << 20);
    let long = text.len() as i64;
    let repeated = |first, rest| [vec![first], vec![rest; 2_000]].concat();
    let shared = [
        differences(&repeated(0, long)),
        differences(&repeated(long, 0)),
        text.into_bytes(),
    ];
    let shared = whole(&shared.concat(), 2_001, DELTA_TEXTS);
    let shared = titles(2_001, UNPACKED, false, shared);
    cases.push(beside_a_good_row("2 GB of what is the same", shared));
    cases.push(lists());
    add_all(Some("parquet"), &cases);
    println!("{} files of Parquet", cases.len());
}

#[test]
fn large_values_on_pages_of_their_own() {
    add_all(Some("parquet"), &[pages_of_one_value()]);
    add_all(Some("parquet"), &[list_over_pages()]);
    println!("2 files of Parquet");
}

#[test]
fn headers_of_which_one_thing_is_looked_at_and_another_read() {
    let cases = headers_that_say_two_things();
    add_all(Some("parquet"), &cases);
    println!("{} files of Parquet", cases.len());
}

/// 40 titles of 40 MB, a page each: any one of them can be held, not all.
fn pages_of_one_value() -> Case {
    let count = 40;
    let size = 40 << 20;
    let mut value = (size as u32).to_le_bytes().to_vec();
    value.resize(4 + size, b' ');
    let one = page(false, value.len() as i64, 1, PLAIN, &gzip(&value));
    let group = titles(count, GZIP, false, one.repeat(count as usize));
    beside_a_good_row("1.6 GB in pages of one value", group)
}

/// A row whose list goes on over 60 pages of 20 MB.
fn list_over_pages() -> Case {
    let pages = 60;
    let size = 20 << 20;
    let one = |level: u8| {
        let run = [2, 0, 0, 0, 2, level, 2, 0, 0, 0, 2, 1];
        let mut data = [&run[..], &(size as u32).to_le_bytes()].concat();
        data.resize(data.len() + size, b'n');
        page(false, data.len() as i64, 1, PLAIN, &gzip(&data))
    };
    let list = [one(0), one(1).repeat(pages - 1)].concat();
    let name = [vec![2, 0, 0, 0, 2, 0, 2, 0, 0, 0, 2, 1], plain(&["A Name"])].concat();
    let group = |title: &str, list| Group {
        rows: 1,
        columns: vec![
            (UNPACKED, 1, false, whole(&plain(&[title]), 1, PLAIN)),
            list,
        ],
    };
    let groups = [
        group(GOOD, (UNPACKED, 1, false, whole(&name, 1, PLAIN))),
        group("Many", (GZIP, pages as i64, false, list)),
    ];
    case("a list of 1.2 GB over pages", file(&groups), &[GOOD])
}

/// Headers of which one thing could be looked at and another be read.
fn headers_that_say_two_things() -> Vec<Case> {
    let most = i64::from(i32::MAX);
    let says = |values| Thrift::default().i32(1, values).i32(2, PLAIN);
    let start = |kind: i64, unpacked: i64, packed: usize| {
        let own = Thrift::default().i32(1, kind).i32(2, unpacked);
        own.i32(3, packed as i64)
    };
    let value = plain(&["x"]);
    let dictionary = start(2, 5, value.len()).inner(7, says(most));
    let dictionary = [dictionary.inner(8, says(0)).end(), value.clone()].concat();
    let looked_up = whole(&[1, 2, 0], 1, DICTIONARY);
    let twice = titles(1, UNPACKED, true, [dictionary, looked_up].concat());
    // Field 5, the bytes before what is packed, once as a lie and once as it is; the second by its whole number.
    let bomb = gzip(&vec![0; 300 << 20]).repeat(8);
    let mut inner = Thrift::default()
        .i32(1, 1)
        .i32(2, 0)
        .i32(3, 1)
        .i32(4, PLAIN);
    inner = inner.i32(5, 100);
    inner.bytes.extend([vec![5], zigzag(5), zigzag(0)].concat());
    let before = start(3, 50, bomb.len()).inner(8, inner.i32(6, 0)).end();
    let before = titles(1, GZIP, false, [before, bomb.clone()].concat());
    // Not packed, and packed after all.
    let mut inner = Thrift::default()
        .i32(1, 1)
        .i32(2, 0)
        .i32(3, 1)
        .i32(4, PLAIN);
    inner = inner.i32(5, 0).i32(6, 0).field(7, 2);
    inner.bytes.extend([vec![1], zigzag(7)].concat());
    let packed = start(3, 50, bomb.len()).inner(8, inner).end();
    let packed = titles(1, GZIP, false, [packed, bomb].concat());
    vec![
        beside_a_good_row("a dictionary described twice", twice),
        beside_a_good_row("gzip, its beginning said twice", before),
        beside_a_good_row("gzip, packed and not packed", packed),
    ]
}

/// A row whose list has a value of 10,000 bytes 100,000 times.
fn lists() -> Case {
    let count = 100_000;
    let level = |first: u64, rest: u64| {
        let runs = [varint(first << 1), vec![0], varint(rest << 1), vec![1]].concat();
        [(runs.len() as u32).to_le_bytes().to_vec(), runs].concat()
    };
    let name = "n".repeat(10_000);
    let list = |levels: Vec<u8>, count: i64, name: &str| {
        let all = [
            (varint((count as u64) << 1).len() as u32 + 1)
                .to_le_bytes()
                .to_vec(),
            varint((count as u64) << 1),
            vec![1],
        ]
        .concat();
        let run = [vec![1], varint((count as u64) << 1), vec![0]].concat();
        let data = [levels, all, run].concat();
        let pages = [dictionary(&[name]), whole(&data, count, DICTIONARY)].concat();
        (UNPACKED, count, true, pages)
    };
    let group = |title: &str, list| Group {
        rows: 1,
        columns: vec![
            (UNPACKED, 1, false, whole(&plain(&[title]), 1, PLAIN)),
            list,
        ],
    };
    let filler = "f".repeat(100_000);
    let groups = [
        group(GOOD, list(level(1, 2), 3, "A Name")),
        group(&filler, list(level(1, count - 1), count as i64, &name)),
    ];
    case("a list of 1 GB", file(&groups), &[GOOD])
}
