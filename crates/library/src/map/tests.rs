use super::*;
use syntopic_core::PaperId;

fn data(titles: &[&str]) -> MapData {
    let n = titles.len();
    let paper = |(at, title): (usize, &&str)| {
        let id = PaperId::new(format!("p{at}")).unwrap();
        Paper::new(id, title, Some("An abstract.")).unwrap()
    };
    MapData {
        title: String::from("<b>mine</b>"),
        papers: titles.iter().enumerate().map(paper).collect(),
        positions: (0..n).map(|at| [at as f32 / n as f32, 0.5]).collect(),
        topic_of: (0..n).map(|at| (at > 0).then_some(0)).collect(),
        topics: vec![MapTopic {
            name: String::from("graphs & \"trees\""),
            size: n - 1,
            place: [0.0, 0.0],
        }],
        n_related: 1,
        related: (0..n as u32).map(|at| ((at + 1) % n as u32, 0.5)).collect(),
    }
}

#[test]
fn no_title_can_leave_its_place_and_all_come_back() {
    let titles = [
        "</script><script>alert(1)</script>",
        "<!-- \"quotes\" \\ 'and' {{script}} {{data}} &amp;",
        "Schrödingers Katze 貓 \u{2028} 🐈",
    ];
    let html = data(&titles).to_html();
    let (_, rest) = html.split_once("type=\"application/json\">").unwrap();
    let (json, rest) = rest.split_once("</script>").unwrap();
    assert!(
        rest.trim_start().starts_with("<script>\n\"use strict\""),
        "the next element is ours"
    );
    assert!(!json.contains('<'));
    let read: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(read["name"], serde_json::json!(titles));
    assert_eq!(read["title"], "<b>mine</b>");
    assert_eq!(read["topic"], serde_json::json!([-1, 0, 0]));
    assert!(html.contains("<title>&lt;b&gt;mine&lt;/b&gt;: map"));
    for mark in ["title", "style"] {
        assert!(
            !html.contains(&format!("{{{{{mark}}}}}")),
            "{mark} was filled in"
        );
    }
}

#[test]
fn only_web_addresses_become_links() {
    let mut map = data(&["a", "b", "c", "d"]);
    map.papers[0].url = Some(String::from("javascript:alert(1)"));
    map.papers[0].doi = Some(String::from("10.1/x"));
    map.papers[1].url = Some(String::from("https://example.org/b"));
    map.papers[2].url = Some(String::from("file:///etc/passwd"));
    let html = map.to_html();
    let json = html.split_once("type=\"application/json\">").unwrap().1;
    let json = json.split_once("</script>").unwrap().0;
    let read: serde_json::Value = serde_json::from_str(json).unwrap();
    let expected = serde_json::json!([
        "https://doi.org/10.1/x",
        "https://example.org/b",
        null,
        null
    ]);
    assert_eq!(read["link"], expected);
}

#[test]
fn a_name_stands_amid_most_of_its_papers() {
    let mut points = vec![
        [0.5, 0.5],
        [0.51, 0.5],
        [0.49, 0.52],
        [0.5, 0.49],
        [-1.0, -1.0],
    ];
    let [x, y] = amid(&mut points);
    assert!((x - 0.5).abs() < 0.02 && (y - 0.5).abs() < 0.02, "{x} {y}");
    assert_eq!(amid(&mut []), [0.0; 2]);
}

#[test]
fn a_picture_for_papers_is_whole() {
    let mut map = data(&["a", "b & c", "d"]);
    map.topics[0].place = [0.99, 0.0];
    let svg = map.to_svg();
    assert!(
        svg.contains("graphs &amp; &quot;trees&quot;") && svg.ends_with("</g>\n</svg>\n"),
        "{svg}"
    );
    assert_eq!(svg.matches("h0").count(), 3, "a dot a paper");
    let name = &map.names(|text| [11.0 * text.len() as f32, 20.0])[0];
    assert!(
        name.at[0] + 5.5 * (name.text.len() as f32) < still::WIDTH as f32,
        "{name:?}"
    );

    let png = map.to_png().unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xae\x42\x60\x82"));
    let at = png.windows(4).position(|four| four == b"IDAT").unwrap();
    let size = u32::from_be_bytes(png[at - 4..at].try_into().unwrap()) as usize;
    let mut pixels = Vec::new();
    let packed = &png[at + 4..at + 4 + size];
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(packed), &mut pixels).unwrap();
    let row = 1 + 3 * still::WIDTH;
    assert_eq!(pixels.len(), row * still::HEIGHT);
    let [x, y] = still::on_picture(map.positions[0]).map(|x| x as usize);
    let middle = &pixels[y * row + 1 + 3 * x..][..3];
    assert!(
        middle.iter().all(|c| *c < 0xc0),
        "a point of no topic: {middle:?}"
    );
}

#[test]
fn no_name_lies_over_another() {
    let mut map = data(&["a", "b"]);
    let topic = |name: &str, size, x| MapTopic {
        name: String::from(name),
        size,
        place: [x, 0.0],
    };
    map.topics = vec![
        topic("small, s, s", 1, 0.01),
        topic("large, l, l", 9, 0.0),
        topic("far", 1, 0.8),
    ];
    let names = map.names(|text| [11.0 * text.len() as f32, 20.0]);
    let texts: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
    assert_eq!(texts, ["large, l", "far"]);
}
