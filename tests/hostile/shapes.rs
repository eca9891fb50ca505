//! How a record is written in every format.

use super::Case;

/// The fields of a record, written as the format writes them.
#[derive(Clone)]
pub(crate) struct Fields {
    pub(crate) id: Vec<u8>,
    pub(crate) title: Vec<u8>,
    pub(crate) text: Vec<u8>,
    pub(crate) year: Vec<u8>,
    /// Whatever else stands in the record.
    pub(crate) more: Vec<u8>,
}

impl Fields {
    pub(crate) fn new(id: &str, title: &str) -> Self {
        let text = "We read forty papers and a few more of the same kind, and name the topics that they have in common, one \
                    after the other, as well as we can. It works.";
        Self {
            id: id.into(),
            title: title.into(),
            text: text.into(),
            year: "2019".into(),
            more: Vec::new(),
        }
    }
}

/// Which language a format's values are written in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum In {
    Json,
    Xml,
    Bib,
    Tagged,
    Table,
    Page,
}

pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) written: In,
    pub(crate) before: &'static str,
    pub(crate) between: &'static str,
    pub(crate) after: &'static str,
    /// A record with ID, TITLE, TEXT, YEAR and MORE in place of its fields.
    pub(crate) record: &'static str,
}

pub(crate) const FORMATS: [Format; 17] = [
    Format {
        name: "jsonl",
        written: In::Json,
        before: "",
        between: "\n",
        after: "\n",
        record: r#"{"id":"ID","title":"TITLE","abstract":"TEXT","year":"YEAR"MORE}"#,
    },
    Format {
        name: "json",
        written: In::Json,
        before: "[",
        between: ",\n",
        after: "]",
        record: r#"{"id":"ID","title":"TITLE","abstract":"TEXT","year":"YEAR"MORE}"#,
    },
    Format {
        name: "arxiv-json",
        written: In::Json,
        before: "",
        between: "\n",
        after: "\n",
        record: r#"{"id":"ID","title":"TITLE","abstract":"TEXT","update_date":"YEAR-01-02","authors_parsed":[]MORE}"#,
    },
    Format {
        name: "openalex",
        written: In::Json,
        before: "",
        between: "\n",
        after: "\n",
        record: r#"{"id":"https://openalex.org/ID","title":"TITLE","abstract":"TEXT","publication_year":"YEAR","authorships":[]MORE}"#,
    },
    Format {
        name: "semantic-scholar",
        written: In::Json,
        before: "[",
        between: ",\n",
        after: "]",
        record: r#"{"paperId":"ID","title":"TITLE","abstract":"TEXT","year":"YEAR","authors":[]MORE}"#,
    },
    Format {
        name: "csl-json",
        written: In::Json,
        before: "[",
        between: ",\n",
        after: "]",
        record: r#"{"id":"ID","type":"book","title":"TITLE","abstract":"TEXT","issued":{"raw":"YEAR"}MORE}"#,
    },
    Format {
        name: "csv",
        written: In::Table,
        before: "id,title,abstract,year\n",
        between: "\n",
        after: "\n",
        record: r#""ID","TITLE","TEXT","YEAR"MORE"#,
    },
    Format {
        name: "bibtex",
        written: In::Bib,
        before: "",
        between: "\n",
        after: "\n",
        record: "@article{ID,\n  title = {TITLE},\n  abstract = {TEXT},\n  year = {YEAR}MORE\n}",
    },
    Format {
        name: "ris",
        written: In::Tagged,
        before: "",
        between: "\n",
        after: "\n",
        record: "TY  - JOUR\nID  - ID\nTI  - TITLE\nAB  - TEXT\nPY  - YEARMORE\nER  - ",
    },
    Format {
        name: "wos",
        written: In::Tagged,
        before: "FN Clarivate Analytics Web of Science\nVR 1.0\n",
        between: "\n",
        after: "\nEF\n",
        record: "PT J\nUT ID\nTI TITLE\nAB TEXT\nPY YEARMORE\nER\n",
    },
    Format {
        name: "medline",
        written: In::Tagged,
        before: "",
        between: "\n\n",
        after: "\n",
        record: "PMID- ID\nTI  - TITLE\nAB  - TEXT\nDP  - YEARMORE",
    },
    Format {
        name: "pubmed-xml",
        written: In::Xml,
        before: "<?xml version='1.0'?>\n<PubmedArticleSet>\n",
        between: "\n",
        after: "\n</PubmedArticleSet>",
        record: "<PubmedArticle><MedlineCitation><PMID>ID</PMID><Article><Journal><JournalIssue><PubDate><Year>YEAR</Year></PubDate>\
                 </JournalIssue></Journal><ArticleTitle>TITLE</ArticleTitle><Abstract><AbstractText>TEXT</AbstractText></Abstract>MORE\
                 </Article></MedlineCitation></PubmedArticle>",
    },
    Format {
        name: "arxiv-atom",
        written: In::Xml,
        before: "<?xml version='1.0'?>\n<feed xmlns='http://www.w3.org/2005/Atom'>\n",
        between: "\n",
        after: "\n</feed>",
        record: "<entry><id>http://arxiv.org/abs/ID</id><title>TITLE</title><summary>TEXT</summary><published>YEAR-01-02</published>MORE\
                 </entry>",
    },
    Format {
        name: "oai",
        written: In::Xml,
        before: "<?xml version='1.0'?>\n<OAI-PMH><ListRecords>\n",
        between: "\n",
        after: "\n</ListRecords></OAI-PMH>",
        record: "<record><header><identifier>oai:ID</identifier></header><metadata><arXiv><id>ID</id><title>TITLE</title>\
                 <abstract>TEXT</abstract><created>YEAR-01-02</created>MORE</arXiv></metadata></record>",
    },
    Format {
        name: "acl-xml",
        written: In::Xml,
        before: "<?xml version='1.0'?>\n<collection id='2021.x'><volume id='main'><meta><year>2021</year></meta>\n",
        between: "\n",
        after: "\n</volume></collection>",
        record: "<paper id='ID'><title>TITLE</title><abstract>TEXT</abstract><year>YEAR</year>MORE</paper>",
    },
    Format {
        name: "hf-papers",
        written: In::Page,
        before: "",
        between: "\n\n",
        after: "\n",
        record: "TITLE\n\nTEXTMORE",
    },
    Format {
        name: "hf-papers-html",
        written: In::Page,
        before: "<!doctype html><html><body>\n",
        between: "\n",
        after: "\n</body></html>",
        record: "<article><h3>TITLE</h3><p>TEXT</p>MORE</article>",
    },
];

impl Format {
    pub(crate) fn record(&self, fields: &Fields) -> Vec<u8> {
        let mut record = Vec::new();
        let mut rest = self.record;
        let places: [(&str, &[u8]); 5] = [
            ("ID", &fields.id),
            ("TITLE", &fields.title),
            ("TEXT", &fields.text),
            ("YEAR", &fields.year),
            ("MORE", &fields.more),
        ];
        while !rest.is_empty() {
            // RIS has a tag of the name; PMID and the like end in it.
            let is_tag = rest.starts_with("ID  -");
            let letter = record.last().is_some_and(u8::is_ascii_uppercase);
            match places.iter().find(|(name, _)| rest.starts_with(name)) {
                Some((name, value)) if !is_tag && (!letter || *name == "MORE") => {
                    record.extend_from_slice(value);
                    rest = &rest[name.len()..];
                }
                _ => {
                    record.push(rest.as_bytes()[0]);
                    rest = &rest[1..];
                }
            }
        }
        record
    }

    /// A good record, `hostile`, and another good one; it must be named where `is_bad`.
    pub(crate) fn case(&self, number: usize, name: &str, hostile: &[u8], is_bad: bool) -> Case {
        let titles = ["before", "after"].map(|place| {
            let format = self.name.replace('-', " ");
            format!("A Good Paper {place} Case {number} of {format}")
        });
        let good =
            |at: usize| self.record(&Fields::new(&format!("good-{number}-{at}"), &titles[at]));
        let before = [self.before.as_bytes(), &good(0), self.between.as_bytes()].concat();
        let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let from = lines(&before) + 1;
        let to = from + lines(hostile);
        let after = [self.between.as_bytes(), &good(1), self.after.as_bytes()].concat();
        Case {
            name: name.to_owned(),
            bytes: [&before[..], hostile, &after].concat(),
            good: titles.into(),
            bad: is_bad.then_some((from, to)),
        }
    }
}
