//! The ids most like a mistyped one.

/// How many ids are suggested.
const SUGGESTIONS: usize = 3;

/// Up to three of `ids` most like `asked`: those that contain it first, then those that begin most like it, by edit distance
/// where that is at most a third of the letters. Upper and lower case are alike, and so are spaces, hyphens and underscores.
pub(crate) fn nearest<'a>(asked: &str, ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let asked = plain(asked);
    let mut scored: Vec<(usize, &str)> = ids
        .filter_map(|id| Some((cost(&asked, &plain(id))?, id)))
        .collect();
    scored.sort_unstable();
    scored
        .into_iter()
        .take(SUGGESTIONS)
        .map(|(_, id)| id.to_owned())
        .collect()
}

/// Without what people mix up.
fn plain(id: &str) -> String {
    id.trim().to_lowercase().replace([' ', '_'], "-")
}

/// Lower is more alike; `None` is not alike at all.
fn cost(asked: &str, id: &str) -> Option<usize> {
    if asked.is_empty() {
        return None;
    }
    if id.contains(asked) {
        return Some(id.len() - asked.len());
    }
    let distance = prefix_distance(asked, id, asked.chars().count().div_ceil(3))?;
    Some(1_000_000 + 1_000 * distance + id.len().abs_diff(asked.len()).min(999))
}

/// Levenshtein's distance from `asked` to the beginning of `id` that is nearest to it, or `None` when it is above `limit`.
fn prefix_distance(asked: &str, id: &str, limit: usize) -> Option<usize> {
    let asked: Vec<char> = asked.chars().collect();
    // A beginning that is longer by more than the limit is farther than it.
    let id: Vec<char> = id.chars().take(asked.len() + limit).collect();
    if asked.len() > id.len() + limit {
        return None;
    }
    let mut row: Vec<usize> = (0..=id.len()).collect();
    for (i, x) in asked.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in id.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
        if row.iter().all(|d| *d > limit) {
            return None;
        }
    }
    row.into_iter().min().filter(|d| *d <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_before_misspellings() {
        let long = "graphmae-self-supervised-masked-graph-autoencoders";
        let ids = ["barlow-twins", "graph-mae", "graphgpt", "mert", long];
        let near = |asked| nearest(asked, ids.iter().copied());
        assert_eq!(near("barlow"), ["barlow-twins"]);
        assert_eq!(near("graphg"), ["graphgpt", "graph-mae", long]);
        assert_eq!(near("barlo-twims"), ["barlow-twins"]);
        assert_eq!(near("Barlow Twins"), ["barlow-twins"]);
        assert_eq!(near("graphmea"), [long, "graph-mae", "graphgpt"]);
        assert_eq!(near("mertt"), ["mert"]);
        assert!(near("zzzzzzzz").is_empty());
        assert!(near("").is_empty());
    }

    #[test]
    fn distances_are_to_the_nearest_beginning() {
        assert_eq!(prefix_distance("kitten", "sitting", 10), Some(2));
        assert_eq!(prefix_distance("kitten", "sitting", 1), None);
        assert_eq!(prefix_distance("kitten", "sitten-and-more", 1), Some(1));
        assert_eq!(prefix_distance("abc", "", 3), Some(3));
    }
}
