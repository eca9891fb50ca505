//! A saved page as text: papers by their shape, wherever chrome stands.

use crate::{PAGE, abstract_of, read, read_as, refused};
use std::io::{self, BufReader, Read as _};
use syntopic_formats::{Format, MAX_LINE_BYTES, open};

/// Title and abstract lines of the page, without its chrome.
fn bare_page() -> String {
    PAGE.split_inclusive('\n').skip(10).collect()
}

/// Lines as a page, blank lines between.
pub(crate) fn page(lines: &[&str]) -> String {
    lines.join("\n\n")
}

#[test]
fn the_saved_page_holds_65_papers() {
    let got = read(PAGE);
    assert_eq!(
        (got.format, got.papers.len(), got.chrome),
        (Format::HfPapersText, 65, 5)
    );
    assert!(got.skipped.is_empty() && got.bare().is_empty());
    let titles_and_abstracts: Vec<&str> = bare_page()
        .leak()
        .lines()
        .filter(|line| !line.is_empty())
        .collect();
    for (paper, lines) in got.papers.iter().zip(titles_and_abstracts.chunks(2)) {
        assert_eq!(
            [
                paper.title.as_str(),
                paper.abstract_text.as_deref().expect("an abstract")
            ],
            lines
        );
    }
}

#[test]
fn every_title_of_the_page_is_one_without_its_abstract() {
    let titles: Vec<String> = read(PAGE)
        .papers
        .into_iter()
        .map(|paper| paper.title)
        .collect();
    for between in ["\n\n", "\n"] {
        let got = read_as(titles.join(between).as_bytes(), Some(Format::HfPapersText))
            .expect("titles are papers");
        assert_eq!(got.bare(), titles);
        assert_eq!(got.chrome, 0);
    }
}

#[test]
fn chrome_is_counted_wherever_it_stands() {
    let plain = read(PAGE).papers;
    let without = read(bare_page());
    assert_eq!((&without.papers, without.chrome), (&plain, 0));
    let more = format!("Hugging Face\n\nModels\n\nDatasets\n\nLog In\n\nDaily Papers\n\n{PAGE}");
    let more = read(more);
    assert_eq!((&more.papers, more.chrome), (&plain, 10));
    let footer = format!(
        "{PAGE}\n\nPrevious\n\nNext\n\nCompany\n\n© Hugging Face\n\nTerms of Service\n\nSystem theme\n"
    );
    let footer = read(footer);
    assert_eq!((&footer.papers, footer.chrome), (&plain, 11));
}

#[test]
fn chrome_between_papers_and_within_them() {
    let plain = read(PAGE).papers;
    let chrome = [
        "Mar 12",
        "Upvote 23",
        "new",
        "Subscribe",
        "Get trending papers in your email inbox!",
        "· 4 authors",
        "Gizmo",
    ];
    let lines: Vec<&str> = PAGE
        .lines()
        .filter(|line| !line.is_empty())
        .skip(5)
        .collect();
    let between = lines
        .chunks(2)
        .map(|paper| format!("{}\n\n{}", page(&chrome), page(paper)))
        .collect::<Vec<_>>();
    let got = read(between.join("\n\n"));
    assert_eq!((&got.papers, got.chrome), (&plain, 65 * 7));
    let within = lines
        .chunks(2)
        .map(|paper| page(&[paper[0], &page(&chrome), paper[1]]))
        .collect::<Vec<_>>();
    let got = read(within.join("\n\n"));
    assert_eq!(
        (&got.papers, got.chrome, got.skipped.len()),
        (&plain, 65 * 7, 0)
    );
}

#[test]
fn a_paper_without_its_abstract() {
    let plain = read(PAGE).papers;
    for missing in [0, 1, 33, 64] {
        let gone = plain[missing].abstract_text.clone().expect("an abstract");
        let got = read(PAGE.replace(&gone, ""));
        assert_eq!(got.papers.len(), 65);
        assert_eq!(got.bare(), [plain[missing].title.as_str()]);
        assert_eq!((got.chrome, got.skipped.len()), (5, 0));
        let id = &got.papers[missing].id;
        assert_eq!(id, &plain[missing].id, "the id depends on the title alone");
        let tight = read(
            PAGE.replace(&gone, "Mar 12\nUpvote 7")
                .replace("\n\n", "\n"),
        );
        assert_eq!(
            (tight.bare(), tight.chrome),
            (vec![plain[missing].title.as_str()], 7)
        );
    }
}

#[test]
fn a_paper_without_its_title_is_skipped_with_its_line() {
    let plain = read(PAGE).papers;
    let got = read(PAGE.replace(&format!("{}\n", plain[1].title), "\n"));
    assert_eq!((got.papers.len(), got.chrome), (64, 5));
    let messages = got.messages();
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0]
            .starts_with("in:17: an abstract with no title line before it: \"Self-training has"),
        "{messages:?}"
    );
}

#[test]
fn short_and_odd_titles() {
    for title in [
        "GPT-4",
        "Segment Anything",
        "DINOv2",
        "t-SNE",
        "Look Ma, no hands!",
        "“Why Should I Trust You?”",
    ] {
        let got = read(page(&[
            "Mar 3",
            "A first paper of some length",
            &abstract_of("one"),
            title,
            &abstract_of("two"),
        ]));
        assert_eq!(got.titles(), ["A first paper of some length", title]);
        assert_eq!(got.chrome, 1);
    }
}

#[test]
fn a_repeated_paper_is_skipped_with_its_first_line() {
    let (title, one, two) = (
        "The Same Title Again and Again",
        abstract_of("one"),
        abstract_of("two"),
    );
    let got = read(page(&[
        title,
        &one,
        title,
        &one,
        title,
        &two,
        &title.to_uppercase(),
        &one,
    ]));
    assert_eq!(got.titles(), [title]);
    assert_eq!(
        got.messages(),
        [
            "in:5: the same paper as line 1",
            "in:9: the title of line 1 again, with another abstract: the first one is kept",
            "in:13: the same paper as line 1",
        ]
    );
    let twice = read(page(&[title, title, &one]));
    assert_eq!(
        (twice.titles(), twice.chrome, twice.skipped.len()),
        (vec![title], 1, 0)
    );
}

#[test]
fn crlf_and_bom_change_nothing() {
    let plain = read(PAGE);
    assert_eq!(read(PAGE.replace('\n', "\r\n")), plain);
    assert_eq!(read(format!("\u{feff}{PAGE}")), plain);
    assert_eq!(
        read(format!(
            "\u{feff}\r\n \t\r\n{}\r\n\r\n",
            PAGE.replace('\n', "\r\n")
        ))
        .papers,
        plain.papers
    );
}

#[test]
fn a_line_that_is_not_utf8_is_skipped_with_its_paper() {
    let mut bytes = PAGE.as_bytes().to_vec();
    let at = PAGE
        .find("Self-training has shown")
        .expect("the second abstract");
    bytes[at + 5] = 0xff;
    let got = read(&bytes);
    assert_eq!((got.papers.len(), got.chrome), (64, 5));
    let message = &got.messages()[0];
    assert!(
        message.starts_with(
            "in:17: invalid UTF-8 at byte 6 of the line, in the paper \"Learning from Future"
        ),
        "{message}"
    );
    assert_eq!(got.skipped.len(), 1);
}

#[test]
fn control_characters_become_blanks() {
    let got = read(page(&["A title\0of a\u{7} paper", &abstract_of("\0NUL\0")]));
    assert_eq!(got.titles(), ["A title of a paper"]);
    assert!(
        got.papers[0]
            .abstract_text
            .as_ref()
            .is_some_and(|text| text.starts_with("We study NUL and"))
    );
}

#[test]
fn a_text_without_papers_is_refused() {
    let prose = "just a few words\nand a few more\n";
    let message = refused(prose.as_bytes(), Some(Format::HfPapersText));
    assert!(
        message.starts_with(
            "in: no paper in 2 lines: a paper is a title line and, after it, an abstract"
        ),
        "{message}"
    );
    let license = "The above copyright notice and this permission notice shall be included in\nall copies or substantial \
                   portions of it. This is\nprovided as it is, without warranty of any kind, express or\nimplied. In no \
                   event shall the authors be liable.\n";
    assert!(
        read_as(license.as_bytes(), Some(Format::HfPapersText)).is_err(),
        "wrapped prose holds no titles"
    );
}

#[test]
fn a_ten_megabyte_abstract_is_a_paper() {
    let long = "Many words of it. ".repeat(600_000);
    let got = read(page(&["A title of a paper", &long]));
    assert_eq!(got.papers[0].abstract_text.as_deref(), Some(long.trim()));
}

#[test]
fn an_abstract_longer_than_the_limit_is_skipped_with_its_title() {
    let (one, two) = (abstract_of("one"), abstract_of("two"));
    let head = format!("The First of Three Papers\n\n{one}\n\nThe Second of Three Papers\n\n");
    let tail = format!("\n\nThe Third of Three Papers\n\n{two}\n");
    let long = (MAX_LINE_BYTES + 1) as u64;
    let input = head
        .as_bytes()
        .chain(io::repeat(b'x').take(long))
        .chain(tail.as_bytes());
    let mut papers = open("in", Box::new(BufReader::new(input)), None).expect("a page");
    let items: Vec<_> = papers
        .by_ref()
        .map(|item| item.expect("readable"))
        .collect();
    let titles: Vec<_> = items
        .iter()
        .flatten()
        .map(|paper| paper.title.as_str())
        .collect();
    assert_eq!(
        titles,
        ["The First of Three Papers", "The Third of Three Papers"]
    );
    let message = items[1].as_ref().expect_err("too long").to_string();
    assert!(
        message.starts_with(&format!("in:7: the line has {long} bytes")),
        "{message}"
    );
    assert!(
        message.ends_with("in the paper \"The Second of Three Papers\""),
        "{message}"
    );
    assert_eq!(papers.chrome_lines(), 0);
}
