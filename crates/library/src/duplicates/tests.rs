use super::*;
use syntopic_core::PaperId;

fn paper(id: &str, title: &str, text: &str) -> Paper {
    let text = (!text.is_empty()).then_some(text);
    Paper::new(PaperId::new(id).unwrap(), title, text).unwrap()
}

fn found(papers: &[Paper]) -> Vec<(Vec<usize>, Vec<SameBy>)> {
    let all: Vec<&Paper> = papers.iter().collect();
    let groups = groups(&all, &BTreeSet::new()).0.into_iter();
    groups
        .map(|group| (group.members, group.reasons.into_iter().collect()))
        .collect()
}

const TEXT: &str = "We learn images from two views of each and keep the features decorrelated, \
    which needs no negative samples and no large batches at all.";

#[test]
fn nothing_is_a_version_of_nothing() {
    assert!(found(&[]).is_empty());
    assert!(found(&[paper("a", "One paper", TEXT)]).is_empty());
}

#[test]
fn identifiers_group_and_versions_of_versions_are_one_group() {
    let mut papers = vec![
        paper("2103.03230v1", "Barlow Twins", "An early text."),
        paper("x", "Barlow twins, revised", "Quite another text."),
        paper(
            "arXiv:2103.03230v3",
            "Barlow Twins: learning",
            "A late text.",
        ),
        paper("y", "Something else", "Of another matter."),
    ];
    papers[0].doi = Some(String::from("https://doi.org/10.1/ABC"));
    papers[1].doi = Some(String::from("10.1/abc"));
    let reasons = vec![SameBy::Doi, SameBy::Arxiv];
    assert_eq!(found(&papers), [(vec![0, 1, 2], reasons)]);
}

#[test]
fn an_identifier_of_a_whole_volume_groups_nothing() {
    let volume = |n: usize| {
        let papers = (0..n).map(|i| {
            let mut paper = paper(&format!("p{i}"), &format!("Title {i}"), "");
            paper.doi = Some(String::from("10.1/Volume"));
            paper
        });
        let papers: Vec<Paper> = papers.collect();
        let all: Vec<&Paper> = papers.iter().collect();
        let (found, of_volumes) = groups(&all, &BTreeSet::new());
        assert_eq!(of_volumes, volumes(&papers));
        assert_eq!(groups(&all[..2], &of_volumes).0.len(), found.len());
        assert!(may_hold_volumes(&all[..2]) && !may_hold_volumes(&all[..1]));
        (found.len(), of_volumes.into_iter().collect::<Vec<_>>())
    };
    assert_eq!(volume(8), (1, vec![]));
    assert_eq!(volume(9), (0, vec![String::from("10.1/volume")]));
}

#[test]
fn near_identical_texts_group_and_merely_alike_ones_do_not() {
    let same = |a: Paper, b: Paper| !found(&[a, b]).is_empty();
    let revised = TEXT.replace("two views", "a pair of views");
    let title = "Learning from decorrelated views of images";
    assert!(same(
        paper("a", title, TEXT),
        paper(
            "b",
            "LEARNING from De-Correlated Views of Images.",
            &revised
        )
    ));
    assert!(same(
        paper("a", title, TEXT),
        paper("b", "On learning from decorrelated views of images", TEXT)
    ));
    let other =
        "Proteins fold in ways that graphs of their atoms tell, which we learn by a network.";
    assert!(!same(paper("a", title, TEXT), paper("b", title, other)));
    assert!(!same(
        paper("a", &format!("{title} Part I"), TEXT),
        paper("b", &format!("{title} Part II"), TEXT)
    ));
    // Without an abstract the title alone must tell.
    assert!(same(paper("a", title, TEXT), paper("b", title, "")));
    assert!(same(paper("a", title, ""), paper("b", title, "")));
    assert!(!same(
        paper("a", "Heart failure", ""),
        paper("b", "Heart failure", "")
    ));
    let with = |year: i32, author: &str| {
        let mut paper = paper(author, title, "");
        (paper.year, paper.authors) = (Some(year), vec![author.to_owned()]);
        paper
    };
    assert!(same(with(2020, "Ada Lovelace"), with(2021, "Lovelace, A.")));
    assert!(!same(
        with(2020, "Ada Lovelace"),
        with(2023, "Lovelace, A.")
    ));
    assert!(!same(
        with(2020, "Ada Lovelace"),
        with(2020, "Grace Hopper")
    ));
}

#[test]
fn large_blocks_are_not_compared_whole_and_equal_texts_in_them_are_found() {
    let text = |i: usize| {
        format!(
            "In year {} of the journal we say {} and more of it.",
            i / 2,
            i / 2
        )
    };
    let papers: Vec<Paper> = (0..200)
        .map(|i| paper(&format!("p{i:03}"), "Editorial", &text(i)))
        .collect();
    let all: Vec<&Paper> = papers.iter().collect();
    assert!(near::candidates(&all).len() <= 200 * 9);
    let pairs = found(&papers);
    for i in (0..200).step_by(2) {
        assert!(
            pairs
                .iter()
                .any(|(members, _)| members.contains(&i) && members.contains(&(i + 1)))
        );
    }
}
