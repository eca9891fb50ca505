//! Which title gets which abstract where the shape of a line alone does not say it, and that no paper is lost unseen.

use crate::page_text::page;
use crate::{PAGE, Read, abstract_of, read};
use syntopic_core::Paper;
use syntopic_formats::MAX_DOUBTS;

/// Each title with its abstract or none.
fn pairs<'r>(got: &'r Read) -> Vec<(&'r str, Option<&'r str>)> {
    let pair = |paper: &'r Paper| (paper.title.as_str(), paper.abstract_text.as_deref());
    got.papers.iter().map(pair).collect()
}

#[test]
fn a_paper_without_abstract_does_not_take_the_next_ones() {
    let (bare, text) = ("A Paper Without Its Abstract", abstract_of("two"));
    for title in [
        "pi zero: a vision-language-action model",
        "wav2vec goes large",
        "wav2vec goes very large",
        "Look Ma, No Hands at All!",
        "Are We Done with ImageNet?",
        "Attention Is All You Need...",
        "Attention Is All You Need…",
        "Segmentation of natural images.",
        "wav2vec 3",
        "GPT-5!",
        "Segment Anything",
        "Copyright Traps for Large Language Models",
        "copyright traps for large language models",
        "Skip to Attention: Faster Decoding",
        "See All by Looking at A Few: Sparse Modeling",
    ] {
        for between in ["\n\n", "\n"] {
            let got = read([bare, title, &text].join(between));
            let expected = [(bare, None), (title, Some(text.as_str()))];
            assert_eq!(pairs(&got), expected, "{title}");
            assert_eq!((got.chrome, got.skipped.len()), (0, 0));
            let chrome = [bare, "Upvote 23", "Mar 12", title, &text, "Mar 13"];
            let got = read(chrome.join(between));
            assert_eq!(pairs(&got), expected, "{title}");
            assert_eq!((got.chrome, got.doubtful), (3, 0));
        }
    }
}

#[test]
fn a_line_that_may_be_chrome_is_a_title_only_directly_above_an_abstract() {
    let (title, text) = ("A Title of a Paper", abstract_of("one"));
    let odd = "Copyright Traps for Large Language Models";
    let got = read(page(&[title, odd, "Mar 13", &text, odd, "Mar 14", odd]));
    assert_eq!(pairs(&got), [(title, Some(text.as_str()))]);
    assert_eq!((got.chrome, got.doubtful), (5, 0), "it recurs");
    let got = read(page(&[title, odd, "Mar 13", &text]));
    assert_eq!(pairs(&got), [(title, Some(text.as_str()))]);
    assert_eq!((got.chrome, got.doubtful), (2, 1));
    assert_eq!(
        got.doubts,
        [format!(
            "in:3: left out as a line of the page, but it may be a title: \"{odd}\""
        )]
    );
}

#[test]
fn words_of_buttons_directly_above_an_abstract_are_doubted() {
    let (title, text) = ("A Title of a Paper", abstract_of("one"));
    for odd in ["Open Code Models", "Skip to Attention"] {
        let got = read(page(&["Log In", title, odd, &text]));
        assert_eq!(pairs(&got), [(title, Some(text.as_str()))]);
        assert_eq!((got.chrome, got.doubtful), (2, 1));
    }
    let other = abstract_of("two");
    let got = read(page(&[
        title,
        "Code on Hub",
        &text,
        "A Title of Another",
        "Code on Hub",
        &other,
    ]));
    assert_eq!(
        (got.papers.len(), got.chrome, got.doubtful),
        (2, 2, 0),
        "it recurs"
    );
}

#[test]
fn a_name_list_does_not_take_the_abstract() {
    let (title, text) = ("A title of a paper", abstract_of("names"));
    let names = "Jane Doe, John Smith, Wei Zhang";
    let got = read(page(&[title, names, &text]));
    assert_eq!(
        (pairs(&got), got.chrome),
        (vec![(title, Some(text.as_str()))], 1)
    );
    let many = ["Jane Doe"; 40].join(", ");
    let got = read(page(&[title, &many, &text]));
    assert_eq!(
        (pairs(&got), got.chrome),
        (vec![(title, Some(text.as_str()))], 1)
    );
    let got = read(page(&[names, &text]));
    assert_eq!(got.titles(), [names], "rather than no title");
}

#[test]
fn a_line_between_title_and_abstract_is_no_title_where_the_page_has_one_in_each_paper() {
    let names = [
        "Jane Doe",
        "Wei Zhang, Ana Lima, Jo Park",
        "John Smith",
        "the team of two labs",
    ];
    let titles = [
        "The First of the Papers",
        "The Second of the Papers",
        "The Third of the Papers",
        "GPT-4",
    ];
    let cards: Vec<_> = titles
        .iter()
        .zip(names)
        .map(|(title, name)| page(&[title, name, &abstract_of(title)]))
        .collect();
    let got = read(cards[..3].join("\n\n"));
    assert_eq!((got.titles(), got.chrome), (titles[..3].to_vec(), 3));
    let got = read(cards.join("\n\n"));
    assert_eq!(got.titles(), [&titles[..3], &names[3..]].concat());
    let got = read(cards[..2].join("\n\n"));
    let expected = [
        "The First of the Papers",
        "Jane Doe",
        "The Second of the Papers",
    ];
    assert_eq!(
        got.titles(),
        expected,
        "two say nothing of a page: nothing is lost"
    );
    assert_eq!(got.bare(), expected[..1]);
}

#[test]
fn an_unknown_line_that_recurs_is_the_pages_own() {
    let titles = ["The First of the Papers", "The Second of the Papers"];
    for own in [
        "Gizmo",
        "made with love by all",
        "Subscribe to Gizmo for Gadgets",
    ] {
        let cards = titles.map(|title| page(&[title, own, &abstract_of(title)]));
        let got = read(page(&cards.each_ref().map(String::as_str)));
        assert_eq!(
            (got.titles(), got.chrome, got.doubtful),
            (titles.to_vec(), 2, 0)
        );
    }
    let listed = [
        "GPT-4",
        &abstract_of("one"),
        "A Paper Without Its Abstract",
        "GPT-4",
        &abstract_of("one"),
        "GPT-4",
    ];
    let twice = read(page(&listed));
    assert_eq!(twice.titles(), ["GPT-4", "A Paper Without Its Abstract"]);
    assert_eq!(twice.messages(), ["in:7: the same paper as line 1"]);
}

#[test]
fn what_looks_like_a_title_after_every_paper_is_no_paper() {
    for line in [
        "Get this paper in your agent",
        "Paper author Paper submitter",
        "Read the full paper now",
        "Add to my reading list",
    ] {
        for between in ["\n\n", "\n"] {
            let cards: Vec<String> = (0..20)
                .flat_map(|n| {
                    [
                        format!("The Title of Paper {n}"),
                        abstract_of(&n.to_string()),
                        line.to_owned(),
                    ]
                })
                .collect();
            let got = read(cards.join(between));
            assert_eq!(got.papers.len(), 20, "{line}");
            assert_eq!((got.chrome, got.skipped.len()), (20, 0), "{line}");
            assert!(got.papers.iter().all(|paper| paper.abstract_text.is_some()));
        }
    }
}

#[test]
fn what_is_left_out_in_doubt_is_counted_and_named() {
    let text = abstract_of("one");
    let lost = [
        "a line in small letters",
        "GPT-5",
        "Look Ma, No Hands at All!",
    ];
    let got = read(page(&[
        "Mar 13",
        "A Title of a Paper",
        &text,
        lost[0],
        "Upvote 3",
        lost[1],
        "A Title of Another",
        &text,
        lost[2],
    ]));
    assert_eq!((got.papers.len(), got.chrome, got.doubtful), (2, 5, 3));
    for (doubt, lost) in got.doubts.iter().zip(lost) {
        assert!(
            doubt.ends_with(&format!("it may be a title: \"{lost}\"")),
            "{doubt}"
        );
    }
    let prose = "The Title of a Section\nand a line that is wrapped here";
    let got = read(page(&[prose, "A Title of a Paper", &text]));
    assert_eq!(
        (got.titles(), got.doubtful),
        (vec!["A Title of a Paper"], 2)
    );
    let many: Vec<String> = (0..50).map(|n| format!("button {n}")).collect();
    let got = read(format!(
        "A Title of a Paper\n\n{text}\n\n{}",
        many.join("\n\n")
    ));
    assert_eq!((got.doubtful, got.doubts.len()), (50, MAX_DOUBTS));
    let banner = "Here is a word on the use of cookies by this place. You can say no to all of them here, or say yes to \
                  them and then read on as you did before.";
    let got = read(page(&[banner, "A Title of a Paper", &text]));
    assert_eq!(
        (got.titles(), got.doubtful),
        (vec!["A Title of a Paper"], 1)
    );
}

#[test]
fn a_page_longer_than_what_its_layout_is_learned_from() {
    let copies = (0..8).map(|n| {
        let titles = read(PAGE).papers.into_iter();
        let cards = titles.map(|p| {
            format!(
                "{} {n}\n\nGizmo\n\n{}\n\n",
                p.title,
                p.abstract_text.unwrap_or_default()
            )
        });
        cards.collect::<String>()
    });
    let long: String = copies.collect::<String>().repeat(2);
    assert!(long.len() > 3 << 19);
    let got = read(long);
    assert_eq!((got.papers.len(), got.skipped.len()), (8 * 65, 8 * 65));
    assert_eq!(
        (got.chrome, got.doubtful, got.bare().len()),
        (16 * 65, 0, 0)
    );
}
