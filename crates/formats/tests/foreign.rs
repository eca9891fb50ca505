//! Files of other tools and services: every field where it belongs, bad records named and left out alone, and the real files
//! of the evaluation data with the right counts.
#![allow(clippy::print_stdout, reason = "a test says that it was skipped")]

use std::path::PathBuf;
use syntopic_core::Paper;
use syntopic_formats::{ColumnMap, Format, FormatError, ReadOptions, Skipped, open_with};

struct Read {
    format: Format,
    encoding: Option<&'static str>,
    papers: Vec<Paper>,
    skipped: Vec<Skipped>,
}

impl Read {
    fn messages(&self) -> Vec<String> {
        self.skipped.iter().map(ToString::to_string).collect()
    }

    fn ids(&self) -> Vec<&str> {
        self.papers.iter().map(|paper| paper.id.as_str()).collect()
    }
}

fn read_with(bytes: &[u8], options: &ReadOptions) -> Result<Read, FormatError> {
    let mut items = open_with("in", Box::new(bytes), options)?;
    let (mut papers, mut skipped) = (Vec::new(), Vec::new());
    for item in items.by_ref() {
        match item? {
            Ok(paper) => papers.push(paper),
            Err(bad) => skipped.push(bad),
        }
    }
    Ok(Read {
        format: items.format(),
        encoding: items.encoding(),
        papers,
        skipped,
    })
}

fn read(text: impl AsRef<[u8]>) -> Read {
    read_with(text.as_ref(), &ReadOptions::default()).expect("a readable file")
}

/// One line of each field, for comparing at a glance.
fn line(paper: &Paper) -> String {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    format!(
        "{} | {} | {} | {} | {} | {} | {} | {} | {} | {}",
        paper.id,
        paper.title,
        text(&paper.abstract_text),
        paper.authors.join("; "),
        paper.year.map(|year| year.to_string()).unwrap_or_default(),
        text(&paper.date),
        text(&paper.venue),
        text(&paper.url),
        text(&paper.doi),
        paper.categories.join("; ")
    )
}

#[test]
fn bibtex() {
    let text = r#"% Encoding: UTF-8
Free text is a comment.
@string{jml = "Journal of ML"}
@article{erdos, title = {On {\'E}coles \& {DNA} of $\alpha$-stable \emph{things}}, journal = jml # " Research",
  author = {Erd{\H{o}}s, P{\'a}l and {The ATLAS Collaboration} and van der Berg, Jan and others}, year = 2018, month = jan,
  abstract = {Line one
  line two, 50\% of it.}, doi = {10.1/x_y}, url = {http://a.b/c_d%20e}, keywords = {graphs, topics}}
@comment{ @article{not, title={Not a paper}} }
@proceedings{vol, booktitle = {Proceedings}, year = 2018}
@misc (round, title = "In round brackets", year = {2020})
@article{broken, title = {It never ends, year = 2019
@article{nothing, year = 2019}
@inproceedings{last, title = {Last one}, booktitle = {Proc. of X}, year = {2021}}
@article{cut, title = {It is
"#;
    let read = read(text);
    assert_eq!(read.format, Format::Bibtex);
    let lines: Vec<String> = read.papers.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "erdos | On Écoles & DNA of $\\alpha$-stable things | Line one line two, 50% of it. | Pál Erdős; The ATLAS \
             Collaboration; Jan van der Berg | 2018 | 2018-01 | Journal of ML Research | http://a.b/c_d%20e | 10.1/x_y | \
             graphs; topics",
            "round | In round brackets |  |  | 2020 |  |  |  |  | ",
            "last | Last one |  |  | 2021 |  | Proc. of X |  |  | ",
        ]
    );
    assert_eq!(
        read.messages(),
        [
            "in:11: the entry does not end before the next one begins",
            "in:12: nothing: neither a title nor an abstract",
            "in:14: the file ends in the middle of this entry",
        ]
    );
}

#[test]
fn ris() {
    let text = "\u{feff}\n1.\nTY  - JOUR\r\nID  - 7\r\nTI  - A title\r\nAU  - van de Schoot, Rens\r\nAU  - Liu R.\r\n\
                PY  - 2014//\r\nAB  - First line,\r\n  ER then a second.\r\nJF  - Journal\r\nDO  - https://doi.org/10.1/A\r\n\
                UR  - http://x\r\nKW  - one\r\nKW  - two\r\nER  - \r\n\r\nTY  - CONF\nT1  - Editorial\nER  -\n\
                TY  - CONF\nT1  - Editorial\nN2  - Another one.\nTY  - JOUR\nAU  - Nobody\nER  -\n";
    let read = read(text);
    let lines: Vec<String> = read.papers.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "10.1/A | A title | First line, ER then a second. | Rens van de Schoot; Liu R. | 2014 |  | Journal | http://x \
             | 10.1/A | one; two",
            "editorial | Editorial |  |  |  |  |  |  |  | ",
            "editorial-2 | Editorial | Another one. |  |  |  |  |  |  | ",
        ]
    );
    assert_eq!(read.messages(), ["in:24: neither a title nor an abstract"]);
}

#[test]
fn web_of_science_and_medline() {
    let wos = read(
        "FN Clarivate Analytics Web of Science\nVR 1.0\nPT J\nAU Bee, A\n   Dee, C\nAF Bee, Anna\n   Dee, Carl\nTI A title\n   \
         over two lines\nSO JOURNAL OF X\nAB Words.\nDI 10.1/x\nPY 2019\nDE graphs; topics\nUT WOS:0001\nER\n\nEF\n",
    );
    assert_eq!(wos.format, Format::WebOfScience);
    assert_eq!(
        line(&wos.papers[0]),
        "WOS:0001 | A title over two lines | Words. | Anna Bee; Carl Dee | 2019 |  | JOURNAL OF X |  | 10.1/x | graphs; topics"
    );
    let medline = read(
        "PMID- 29768149\nDP  - 2018 May 17\nTI  - A title that goes\n      on.\nLID - 10.1056/x [doi]\nAB  - Words.\n\
         FAU - Bee, Anna\nAU  - Bee A\nJT  - The journal\nMH  - Asthma/drug therapy\n\nPMID- 2\nTI  - Second\n",
    );
    assert_eq!(medline.format, Format::Medline);
    assert_eq!(
        line(&medline.papers[0]),
        "PMID:29768149 | A title that goes on. | Words. | Anna Bee | 2018 | 2018 May 17 | The journal | \
         https://pubmed.ncbi.nlm.nih.gov/29768149/ | 10.1056/x | Asthma/drug therapy"
    );
    assert_eq!(medline.ids(), ["PMID:29768149", "PMID:2"]);
}

#[test]
fn tables() {
    let comma = read(
        "Article Title,Author Full Names,Publication Year,DOI,Abstract\n\"One, two\",\"Bee, Anna; Dee, Carl\",2019,10.1/x,\"Words \
         \"\"quoted\"\"\nover lines.\"\nshort row\n,,,,\nThree,\"Liu R., Adler D.G.\",,,\n",
    );
    assert_eq!(comma.format, Format::Table);
    let lines: Vec<String> = comma.papers.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "10.1/x | One, two | Words \"quoted\" over lines. | Anna Bee; Carl Dee | 2019 |  |  |  | 10.1/x | ",
            "three | Three |  | Liu R.; Adler D.G. |  |  |  |  |  | ",
        ]
    );
    assert_eq!(
        comma.messages(),
        [
            "in:4: the row has 1 cells, and the headings are 5",
            "in:5: neither a title nor an abstract",
        ]
    );
    let semicolon = read("title;abstract\nA, b;C, d\n");
    assert_eq!(semicolon.papers[0].title, "A, b");
    let mapped = ReadOptions {
        format: Some(Format::Table),
        columns: ColumnMap::from([
            ("title".to_owned(), "Paper name".to_owned()),
            ("abstract".to_owned(), "what it says".to_owned()),
        ]),
    };
    let mapped = read_with(b"Paper name\tWhat it says\nT\tA\n", &mapped).expect("a table");
    assert_eq!(
        (mapped.papers[0].title.as_str(), mapped.papers.len()),
        ("T", 1)
    );
}

#[test]
fn a_table_that_does_not_say_what_it_is_says_how_to() {
    let table = |columns: &[(&str, &str)]| {
        let columns = columns
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        let options = ReadOptions {
            format: Some(Format::Table),
            columns: columns.collect(),
        };
        let read = read_with(b"Name,Text\nT,A\n", &options);
        read.map(|_| ()).expect_err("refused").to_string()
    };
    assert_eq!(
        table(&[]),
        "in: no column is a title or an abstract. The columns are: Name, Text. Say which is which: --map title=COLUMN --map \
         abstract=COLUMN"
    );
    assert!(table(&[("title", "Nmae")]).contains("no column \"Nmae\" for title"));
    assert!(
        table(&[("titel", "Name")])
            .contains("\"titel\" is no field: expected one of id, title, abstract")
    );
}

#[test]
fn arxiv() {
    let atom = read(
        "<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'><title>ArXiv Query</title><entry>\
         <id>http://arxiv.org/abs/1111.2011v2</id><published>2011-11-08T18:48:36Z</published><title>On the \n  $O(N)$ &amp; \
         Erd\\H{o}s</title><summary>  Words.\n</summary><author><name>A. Bee</name></author><author><name>C. Dee</name></author>\
         <arxiv:doi>10.1/x</arxiv:doi><arxiv:journal_ref>J. X 1</arxiv:journal_ref><arxiv:primary_category term='cs.LG'/>\
         <category term='cs.LG'/><category term='stat.ML'/></entry>\n<entry><id>http://arxiv.org/api/errors#x</id>\
         <title>Error</title><summary>incorrect id</summary></entry></feed>",
    );
    assert_eq!(
        line(&atom.papers[0]),
        "1111.2011 | On the $O(N)$ & Erdős | Words. | A. Bee; C. Dee | 2011 | 2011-11-08 | J. X 1 | \
         http://arxiv.org/abs/1111.2011v2 | 10.1/x | cs.LG; stat.ML"
    );
    assert_eq!(
        atom.messages(),
        ["in:4: arXiv answered with an error: incorrect id"]
    );
    let oai = read(
        "<?xml version='1.0'?><OAI-PMH><ListRecords><record><header><identifier>oai:arXiv.org:1706.05371</identifier></header>\
         <metadata><arXiv><id>1706.05371</id><created>2017-06-16</created><authors><author><keyname>Bee</keyname>\
         <forenames>Anna</forenames></author></authors><title>T</title><categories>hep-ex physics.ins-det</categories>\
         <abstract>A</abstract></arXiv></metadata></record><record><header status='deleted'><identifier>oai:2</identifier>\
         </header></record></ListRecords></OAI-PMH>",
    );
    assert_eq!(
        line(&oai.papers[0]),
        "1706.05371 | T | A | Anna Bee | 2017 | 2017-06-16 |  | https://arxiv.org/abs/1706.05371 |  | hep-ex; physics.ins-det"
    );
    assert_eq!(oai.messages(), ["in:1: oai:2: the record was deleted"]);
    let snapshot = read(
        "{\"id\":\"0704.0001\",\"authors\":\"A. Bee and C. Dee\",\"title\":\"On\\n  X\",\"doi\":null,\"categories\":\"hep-ph math\",\
         \"abstract\":\"  Words.\\n\",\"versions\":[{\"version\":\"v1\",\"created\":\"Mon, 2 Apr 2007 19:18:42 GMT\"}],\
         \"update_date\":\"2008-11-26\",\"authors_parsed\":[[\"Bee\",\"A.\",\"\"],[\"Dee\",\"C.\",\"Jr.\"]]}\n\
         {\"id\":\"0704.0002\", broken\n{\"id\":\"0704.0003\",\"title\":\"T\",\"authors\":\"E. Eff\",\"authors_parsed\":[]}\n",
    );
    assert_eq!(snapshot.format, Format::ArxivJson);
    assert_eq!(
        line(&snapshot.papers[0]),
        "0704.0001 | On X | Words. | A. Bee; C. Dee Jr. | 2007 | 2008-11-26 |  | https://arxiv.org/abs/0704.0001 |  | hep-ph; math"
    );
    assert_eq!(snapshot.papers[1].authors, ["E. Eff"]);
    assert!(
        snapshot.messages()[0].starts_with("in:2: not JSON: "),
        "{:?}",
        snapshot.messages()
    );
}

#[test]
fn pubmed_xml() {
    let read = read(
        "<?xml version='1.0'?>\n<!DOCTYPE PubmedArticleSet PUBLIC '-//NLM//DTD' 'x.dtd'>\n<PubmedArticleSet>\n<PubmedArticle>\
         <MedlineCitation><PMID Version='1'>29768149</PMID><Article><Journal><JournalIssue><PubDate><Year>2018</Year>\
         <Month>May</Month><Day>17</Day></PubDate></JournalIssue><Title>The journal</Title></Journal>\
         <ArticleTitle>On &#946;<sub>2</sub>.</ArticleTitle><ELocationID EIdType='doi'>10.1/x</ELocationID>\
         <Abstract><AbstractText Label='METHODS'>We did.</AbstractText><AbstractText>It worked.</AbstractText></Abstract>\
         <AuthorList><Author><LastName>Bee</LastName><ForeName>Anna</ForeName></Author><Author><CollectiveName>The \
         group</CollectiveName></Author></AuthorList></Article><MeshHeadingList><MeshHeading><DescriptorName>Asthma\
         </DescriptorName></MeshHeading></MeshHeadingList></MedlineCitation></PubmedArticle>\n<PubmedArticle><Broken>\
         </PubmedArticle>\n<PubmedBookArticle><BookDocument><PMID>5</PMID><Book><BookTitle>A book</BookTitle>\
         <PubDate><Year>2001</Year></PubDate></Book></BookDocument></PubmedBookArticle></PubmedArticleSet>",
    );
    assert_eq!(read.format, Format::PubmedXml);
    assert_eq!(
        line(&read.papers[0]),
        "PMID:29768149 | On β2. | METHODS: We did. It worked. | Anna Bee; The group | 2018 | 2018-05-17 | The journal | \
         https://pubmed.ncbi.nlm.nih.gov/29768149/ | 10.1/x | Asthma"
    );
    assert_eq!((read.ids()[1], read.papers[1].year), ("PMID:5", Some(2001)));
    assert!(
        read.messages()[0].starts_with("in:5: not a well-formed record"),
        "{:?}",
        read.messages()
    );
}

#[test]
fn other_services_in_json() {
    let openalex = read(
        "{\"meta\":{\"count\":2},\"results\":[{\"id\":\"https://openalex.org/W1\",\"title\":\"On <i>E. coli</i>\",\
         \"abstract_inverted_index\":{\"Words\":[0,3],\"and\":[1],\"more\":[2]},\"authorships\":[{\"author\":{\"display_name\":\
         \"Anna Bee\"}}],\"publication_year\":2020,\"doi\":\"https://doi.org/10.1/x\",\"primary_location\":{\"source\":\
         {\"display_name\":\"J\"}}},{\"id\":\"https://openalex.org/W2\",\"title\":null}]}",
    );
    assert_eq!(
        line(&openalex.papers[0]),
        "W1 | On E. coli | Words and more Words | Anna Bee | 2020 |  | J | https://openalex.org/W1 | 10.1/x | "
    );
    assert_eq!(
        openalex.messages(),
        ["in:1: W2: neither a title nor an abstract"]
    );
    let deep = format!(
        "{{\"meta\":{{}},\n\"results\":[{{\"id\":\"W1\",\"title\":\"One\",\"authorships\":[]}},\n{{\"id\":\"W2\",\"title\":{}{}}},\n\
         {{\"id\":\"W3\",\"title\":\"Three\"}}],\"x\":[]}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let deep = read(&deep);
    assert_eq!(deep.ids(), ["W1", "W3"]);
    assert_eq!(
        deep.messages(),
        ["in:3: the JSON is nested more than 64 deep"]
    );
    let scholar = read(
        "{\"offset\":0,\"data\":[{\"citingPaper\":{\"paperId\":\"ab\",\"externalIds\":{\"DOI\":\"10.1/x\"},\"title\":\"T\",\
         \"abstract\":null,\"year\":2021,\"authors\":[{\"name\":\"A. Bee\"}],\"venue\":\"V\",\"s2FieldsOfStudy\":[{\"category\":\
         \"Art\"},{\"category\":\"Art\"}]}},{\"citingPaper\":null}]}",
    );
    assert_eq!(scholar.format, Format::SemanticScholar);
    assert_eq!(
        line(&scholar.papers[0]),
        "ab | T |  | A. Bee | 2021 |  | V |  | 10.1/x | Art"
    );
    assert_eq!(scholar.messages(), ["in:1: no paper in this citation"]);
    let csl = read(
        "[\n{\"id\":\"bee2020\",\"type\":\"article-journal\",\"title\":\"T\",\"abstract\":\"<jats:p>Words.</jats:p>\",\"author\":\
         [{\"family\":\"Berg\",\"given\":\"Jan\",\"non-dropping-particle\":\"van der\"},{\"literal\":\"The group\"}],\"issued\":\
         {\"date-parts\":[[\"2020\",3]]},\"container-title\":\"J\",\"DOI\":\"10.1/x\"},\n{\"id\": 7, \"title\": \"U\"}]",
    );
    assert_eq!(csl.format, Format::CslJson);
    assert_eq!(
        line(&csl.papers[0]),
        "bee2020 | T | Words. | Jan van der Berg; The group | 2020 | 2020-03 | J |  | 10.1/x | "
    );
    assert_eq!(csl.ids()[1], "7");
}

#[test]
fn encodings_are_named() {
    let latin = b"TY  - JOUR\nTI  - Gr\xf6\xdfe und Ma\xdf, caf\xe9\nER  -\n";
    let read_latin = read(latin);
    assert_eq!(read_latin.encoding, Some("windows-1252"));
    assert_eq!(read_latin.papers[0].title, "Größe und Maß, café");
    let wide: Vec<u8> = "\u{feff}title,abstract\nÜber X,Words\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let wide = read(&wide);
    assert_eq!(
        (wide.encoding, wide.papers[0].title.as_str()),
        (Some("UTF-16LE"), "Über X")
    );
    assert_eq!(read("TY  - JOUR\nTI  - Größe\nER  -\n").encoding, None);
}

#[test]
fn hostile_files_do_no_harm() {
    let deep_json = format!("[{}{}]", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let deep_bib = format!(
        "@article{{x, title = {}{}}}\n@misc{{y, title={{Good}}}}\n",
        "{".repeat(10_000),
        "}".repeat(10_000)
    );
    let wide_table = format!(
        "title,abstract{}\nT,A{}\n",
        ",x".repeat(1_000_000),
        ",".repeat(1_000_000)
    );
    let bomb = format!(
        "<?xml version='1.0'?><!DOCTYPE feed [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '{}'>]><feed><entry><id>1</id>\
         <title>T &b;&b;</title></entry></feed>",
        "&a;".repeat(1000)
    );
    let deep_xml = format!(
        "<feed><entry>{}</entry><entry><id>2</id><title>Good</title></entry></feed>",
        "<a>".repeat(10_000)
    );
    let long = format!(
        "TY  - JOUR\nTI  - T\nAB  - {}\nER  -\n",
        "word ".repeat(2_000_000)
    );
    for (name, text, papers, skipped) in [
        ("JSON 10,000 deep", deep_json.as_str(), 0, 1),
        ("braces 10,000 deep", &deep_bib, 1, 1),
        ("1,000,002 columns", &wide_table, 1, 0),
        ("an entity bomb", &bomb, 1, 0),
        ("XML 10,000 deep", &deep_xml, 1, 1),
        ("an abstract of 10 MB", &long, 1, 0),
        ("NUL bytes", "TY  - JOUR\nTI  - A\0B\0\nER  -\n", 1, 0),
        (
            "a name that leaves the folder",
            "@misc{../../x, title={T}}",
            1,
            0,
        ),
    ] {
        let read = read(text);
        assert_eq!(
            (read.papers.len(), read.skipped.len()),
            (papers, skipped),
            "{name}: {:?}",
            read.messages()
        );
    }
    let title = &read(&bomb).papers[0].title;
    assert_eq!(
        title, "T &b;&b;",
        "entities of a document type are not expanded"
    );
}

#[test]
fn an_open_quotation_mark_does_not_take_in_the_file() {
    let mut text = b"title,abstract\nOne,A\nTwo,\"open\n".to_vec();
    text.resize(80 << 20, b'x');
    let mut papers =
        open_with("in", Box::new(&text[..]), &ReadOptions::default()).expect("a table");
    assert!(matches!(papers.next(), Some(Ok(Ok(_)))));
    let error = papers
        .next()
        .expect("an item")
        .expect_err("too long")
        .to_string();
    assert!(error.contains("quotation mark"), "{error}");
    assert!(papers.next().is_none());
}

/// Files cut and changed anywhere: no panic, and no more records than there were.
#[test]
fn damaged_files_never_panic() {
    let originals: [&[u8]; 6] = [
        b"@article{a, title = {One}, author = {A and B}}\n@misc{b, title = {Two \\'e \\textit{x}}}\n",
        b"TY  - JOUR\nTI  - One\nAU  - B, A\nER  -\nTY  - JOUR\nTI  - Two\nER  -\n",
        b"title,abstract\nOne,\"A\"\nTwo,B\n",
        b"<?xml version='1.0'?><feed><entry><id>1</id><title>One</title></entry><entry><id>2</id><title>Two</title></entry></feed>",
        b"[{\"id\":\"1\",\"title\":\"One\",\"issued\":{}},{\"id\":\"2\",\"title\":\"Two\",\"issued\":{}}]",
        b"PMID- 1\nTI  - One\n\nPMID- 2\nTI  - Two\n",
    ];
    let formats = [
        Format::Bibtex,
        Format::Ris,
        Format::Table,
        Format::ArxivAtom,
        Format::CslJson,
        Format::Medline,
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let count = |bytes: &[u8], format: Option<Format>| {
        let options = ReadOptions {
            format,
            ..ReadOptions::default()
        };
        read_with(bytes, &options).map_or(0, |read| read.papers.len())
    };
    for (original, format) in originals.iter().zip(formats) {
        assert_eq!(count(original, None), 2, "{format}");
        for end in 0..original.len() {
            assert!(count(&original[..end], Some(format)) <= 2);
        }
        for _ in 0..400 {
            let mut damaged = original.to_vec();
            for _ in 0..=random(6) {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            assert!(count(&damaged, Some(format)) <= 8);
            for other in Format::ALL {
                assert!(count(&damaged, Some(other)) <= 8, "{other}");
            }
            count(&damaged, None);
        }
    }
}

/// Of each real file: its format, papers, those with an abstract, and records left out.
const REAL: [(&str, Format, usize, usize, usize); 21] = [
    ("acl_xml/2021.eacl.xml", Format::AclXml, 396, 396, 0),
    ("arxiv_atom/empty_feed.xml", Format::ArxivAtom, 0, 0, 0),
    ("arxiv_atom/id_1111.2011v2.xml", Format::ArxivAtom, 1, 1, 0),
    (
        "arxiv_atom/query_au_del_maestro.xml",
        Format::ArxivAtom,
        10,
        10,
        0,
    ),
    ("arxiv_oai/arxiv-physics-hep-ex.xml", Format::Oai, 3, 3, 0),
    ("arxiv_oai/arxiv-single.xml", Format::Oai, 1, 1, 0),
    ("bibtex/pmlr_v84_aistats18.bib", Format::Bibtex, 216, 216, 0),
    ("csv/asreview_embase.csv", Format::Table, 6, 6, 0),
    ("csv/asreview_generic_tab.tsv", Format::Table, 2, 2, 0),
    ("csv/asreview_missing_values.csv", Format::Table, 4, 2, 0),
    (
        "csv/bibliometrix_openalex_sample.csv",
        Format::Table,
        8,
        5,
        0,
    ),
    ("pubmed_xml/pubmed-29768149.xml", Format::PubmedXml, 1, 1, 0),
    ("ris/asreview_baseline_zotero.ris", Format::Ris, 100, 98, 0),
    ("ris/asreview_embase.ris", Format::Ris, 6, 6, 0),
    ("ris/asreview_faulty_year.ris", Format::Ris, 1, 1, 0),
    ("ris/asreview_ovid_zotero.ris", Format::Ris, 6, 6, 0),
    ("ris/asreview_proquest.ris", Format::Ris, 6, 6, 0),
    ("ris/asreview_scopus.ris", Format::Ris, 6, 6, 0),
    ("ris/rispy_example_full.ris", Format::Ris, 2, 2, 0),
    (
        "semantic_scholar_json/Paper.json",
        Format::SemanticScholar,
        1015,
        780,
        0,
    ),
    ("wos/asreview_web_of_science.txt", Format::Ris, 10, 10, 0),
];

#[test]
fn real_files_go_in_with_the_right_counts() {
    let Some(data) = std::env::var_os("SYNTOPIC_EVAL_DATA").map(PathBuf::from) else {
        println!("skipped: SYNTOPIC_EVAL_DATA is not set, so there are no real files");
        return;
    };
    for (name, format, papers, with_abstract, skipped) in REAL {
        let bytes =
            std::fs::read(data.join("formats").join(name)).expect("a file of the evaluation data");
        let read = read(&bytes);
        let abstracts = read
            .papers
            .iter()
            .filter(|paper| paper.abstract_text.is_some());
        assert_eq!(
            (
                read.format,
                read.papers.len(),
                abstracts.count(),
                read.skipped.len()
            ),
            (format, papers, with_abstract, skipped),
            "{name}: {:?}",
            read.messages().iter().take(5).collect::<Vec<_>>()
        );
        let mut ids = read.ids();
        ids.sort_unstable();
        ids.dedup();
        // One table has two rows twice.
        let repeated = usize::from(name.contains("missing_values")) * 2;
        let distinct = papers - repeated;
        assert_eq!(ids.len(), distinct, "{name}");
    }
}

/// What is written is read again, all of it: CSV, RIS, CSL-JSON and JSON lines.
#[test]
fn what_went_out_comes_in() {
    let text = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../data/hf-papers.jsonl"
    ));
    let mut papers = read(text.expect("the sample corpus")).papers;
    papers.truncate(20);
    for (number, paper) in papers.iter_mut().enumerate() {
        paper.id = syntopic_core::PaperId::new(format!("p-{number}")).expect("an id");
        // LaTeX becomes what it prints, which JSON lines alone leave as it is.
        paper.abstract_text = paper
            .abstract_text
            .as_ref()
            .map(|text| text.replace('\\', ""));
        if number % 2 == 0 {
            paper.authors = vec!["Anna Bee".to_owned(), "The A B Group".to_owned()];
            paper.categories = vec!["cs.LG".to_owned(), "two words".to_owned()];
            paper.venue = Some("A \"quoted\", venue; of X".to_owned());
            paper.doi = Some(format!("10.1/{number}"));
            paper.url = Some("https://example.org/?a=1&b=2".to_owned());
            paper.year = Some(2019);
            paper.date = (number % 4 == 0).then(|| "2019-03-04".to_owned());
        }
    }
    type Writer = fn(&mut dyn std::io::Write, &[Paper]) -> Result<(), FormatError>;
    let jsonl: Writer = |out, papers| {
        papers
            .iter()
            .try_for_each(|paper| syntopic_formats::write_jsonl(out, paper))
    };
    for (format, write) in [
        (Format::Table, syntopic_formats::write_csv as Writer),
        (Format::Ris, syntopic_formats::write_ris),
        (Format::CslJson, syntopic_formats::write_csl),
        (Format::Jsonl, jsonl),
    ] {
        let mut out = Vec::new();
        write(&mut out, &papers).expect("memory does not fail");
        let back = read(&out);
        assert_eq!(back.format, format);
        assert_eq!(back.messages(), Vec::<String>::new());
        for (back, paper) in back.papers.iter().zip(&papers) {
            assert_eq!(line(back), line(paper), "{format}");
        }
        assert_eq!(back.papers.len(), papers.len());
    }
}
