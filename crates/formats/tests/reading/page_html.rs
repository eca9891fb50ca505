//! The same page as HTML.

use crate::{PAGE, abstract_of, read, read_as, refused};
use syntopic_core::Paper;
use syntopic_formats::Format;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// The papers as the cards of a Hugging Face Papers page: an article each, the title a link in an `h3`, the abstract a `p`.
pub(crate) fn cards(papers: &[Paper]) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html class=\"\"><head><meta charset=\"utf-8\"><title>Trending Papers - Hugging Face</title>\n\
         <style>p { color: red }</style><script>window.x = \"<p>A title in a script, not a paper</p>\";</script></head>\n\
         <body><header><nav><ul><li><a href=\"/models\">Models</a></li><li><a href=\"/pricing\">Pricing</a></li></ul></nav></header>\n\
         <main><span>new</span><p>Get trending papers in your email inbox!</p><button>Subscribe</button>\n\
         <div>by<a href=\"/akhaliq\">AK</a> and the research community</div><div><time>Mar 13</time></div>\n",
    );
    for (n, paper) in papers.iter().enumerate() {
        let title = escape(&paper.title);
        page += &format!(
            "<article class=\"flex\">\n  <a href=\"/papers/2503.{n:05}\"><img alt=\"\" src=\"x.png\"></a>\n  <h3 class=\"mb-1\">\n\
             <a href=\"/papers/2503.{n:05}\" class=\"line-clamp\">{title}</a>\n  </h3>\n"
        );
        if let Some(text) = &paper.abstract_text {
            page += &format!("  <p class=\"line-clamp\">\n    {}</p>\n", escape(text));
        }
        page += "  <a href=\"#\"><svg><title>Upvote this paper now</title><path d=\"M0\"/></svg><div>Upvote</div><div>23</div></a></article>\n";
    }
    page + "</main><footer><a>Company</a></footer><script>if (1 < 2) {}</script></body></html>\n"
}

#[test]
fn the_page_as_html_holds_the_same_papers() {
    let plain = read(PAGE).papers;
    let got = read(cards(&plain));
    assert_eq!((got.format, got.papers.len()), (Format::HfPapersHtml, 65));
    assert_eq!(got.chrome, 5 + 65 * 2 + 1);
    assert!(got.skipped.is_empty(), "{:?}", got.messages());
    for (n, (html, text)) in got.papers.into_iter().zip(plain).enumerate() {
        assert_eq!(
            html.url.as_deref(),
            Some(format!("https://huggingface.co/papers/2503.{n:05}").as_str())
        );
        assert_eq!(Paper { url: None, ..html }, text);
    }
}

#[test]
fn crlf_bom_and_one_long_line_change_nothing() {
    let page = cards(&read(PAGE).papers);
    let plain = read(&page);
    assert_eq!(read(page.replace('\n', "\r\n")), plain);
    assert_eq!(read(format!("\u{feff}{page}")), plain);
    assert_eq!(read(page.replace('\n', " ")).papers, plain.papers);
}

#[test]
fn a_card_without_its_abstract() {
    let mut papers = read(PAGE).papers;
    papers[10].abstract_text = None;
    papers[64].abstract_text = None;
    let got = read(cards(&papers));
    assert_eq!(got.papers.len(), 65);
    assert_eq!(
        got.bare(),
        [papers[10].title.as_str(), papers[64].title.as_str()]
    );
    assert_eq!(got.chrome, 5 + 65 * 2 + 1);
}

#[test]
fn entities_inline_tags_and_arxiv_links() {
    let text = abstract_of(
        "&amp; &lt;b&gt; caf&eacute; <em>em</em>phasis&nbsp;<br>with x<sub>i</sub> &amp;amp;",
    );
    let page = format!(
        "<h2><a href='https://arxiv.org/abs/2103.03230'>Barlow <b>Twins</b>: A &quot;Title&quot; R&amp;D</a></h2><p>{text}</p>\
         <a href='/papers/2103.00001'><h3>The Link Is Around It</h3><p>{}</p></a><h3>No Link At All</h3><p>{}</p>",
        abstract_of("two"),
        abstract_of("three <a href='/papers/2103.00002'>cited</a>")
    );
    let got = read(page);
    assert_eq!(
        got.titles(),
        [
            "Barlow Twins: A \"Title\" R&D",
            "The Link Is Around It",
            "No Link At All"
        ]
    );
    let urls: Vec<_> = got
        .papers
        .iter()
        .map(|paper| paper.url.as_deref())
        .collect();
    assert_eq!(
        urls,
        [
            Some("https://arxiv.org/abs/2103.03230"),
            Some("https://huggingface.co/papers/2103.00001"),
            None
        ]
    );
    let text = got.papers[0].abstract_text.as_deref().expect("an abstract");
    assert!(
        text.starts_with("We study & <b> café emphasis with xi &amp; and find"),
        "{text}"
    );
}

#[test]
fn damage_is_named_and_stays_local() {
    let page = cards(&read(PAGE).papers);
    let mut bytes = page.clone().into_bytes();
    let at = page
        .find("Self-training has shown")
        .expect("the second abstract");
    bytes[at + 3] = 0xff;
    let got = read(&bytes);
    assert_eq!((got.papers.len(), got.skipped.len()), (64, 1));
    let line = page[..at].lines().count() as u64;
    assert_eq!(got.skipped[0].line, line);
    assert!(
        got.skipped[0]
            .why
            .starts_with("invalid UTF-8, in the paper \"Learning from Future"),
        "{}",
        got.skipped[0]
    );
}

#[test]
fn html_without_papers_is_refused() {
    let message = refused(b"<html><body>\n<p>Nothing here</p>\n</body></html>\n", None);
    assert!(message.starts_with("in: no paper in "), "{message}");
    assert!(read_as(b"<html></html>", None).is_err());
    let deep = "<div>".repeat(200_000);
    assert!(
        read_as(deep.as_bytes(), None).is_err(),
        "depth alone is no paper and no crash"
    );
}
