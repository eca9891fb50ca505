//! The ids most like a mistyped one.

/// How many ids are suggested.
const SUGGESTIONS: usize = 3;

/// Up to three of `ids` most like `asked`: those that contain it or are contained in it first, then by edit distance
/// where that is at most half of the letters.
pub(crate) fn nearest<'a>(asked: &str, ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let asked = asked.to_lowercase();
    let mut scored: Vec<(usize, &str)> = ids
        .filter_map(|id| Some((cost(&asked, &id.to_lowercase())?, id)))
        .collect();
    scored.sort_unstable();
    scored
        .into_iter()
        .take(SUGGESTIONS)
        .map(|(_, id)| id.to_owned())
        .collect()
}

/// Lower is more alike; `None` is not alike at all.
fn cost(asked: &str, id: &str) -> Option<usize> {
    if asked.is_empty() {
        return None;
    }
    if id.contains(asked) {
        return Some(id.len() - asked.len());
    }
    let most = asked.chars().count().max(id.chars().count());
    let distance = edit_distance(asked, id, most / 2)?;
    Some(1_000 + distance)
}

/// Levenshtein's distance, or `None` when it is above `limit`.
fn edit_distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
        if row.iter().all(|d| *d > limit) {
            return None;
        }
    }
    row.last().copied().filter(|d| *d <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_before_misspellings() {
        let ids = ["barlow-twins", "graph-mae", "graphgpt", "mert"];
        let near = |asked| nearest(asked, ids.iter().copied());
        assert_eq!(near("barlow"), ["barlow-twins"]);
        assert_eq!(near("graph"), ["graphgpt", "graph-mae"]);
        assert_eq!(near("barlo-twims"), ["barlow-twins"]);
        assert!(near("zzzzzzzz").is_empty());
        assert!(near("").is_empty());
    }

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting", 10), Some(3));
        assert_eq!(edit_distance("kitten", "sitting", 2), None);
        assert_eq!(edit_distance("", "abc", 3), Some(3));
    }
}
