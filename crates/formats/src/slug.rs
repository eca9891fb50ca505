//! The id of a paper that a page names by its title alone. Not for: formats that carry an id of their own.

/// An id of at most this many characters is the whole slug; a longer one is cut and ends in a hash.
const MAX_CHARS: usize = 60;

/// Hyphen and eight hexadecimal digits.
const HASH_CHARS: usize = 9;

/// The id of the paper with this title: the same in every page that lists it, as text or as HTML.
///
/// Letters and digits of any script, lower-cased, words joined by hyphens, apostrophes dropped. When that is longer
/// than 60 characters it is cut between two words and the FNV-1a hash (32 bits) of the whole is added, so that it stays
/// within 60. A title without letters and digits gets the hash of the title alone.
pub(crate) fn title_id(title: &str) -> String {
    let slug = slug(title);
    if slug.is_empty() {
        return format!("{:08x}", fnv1a(crate::clean(title).as_bytes()));
    }
    if slug.chars().count() <= MAX_CHARS {
        return slug;
    }
    // One character more than there is room for: when it is a hyphen, the room ends with a whole word.
    let head: String = slug.chars().take(MAX_CHARS - HASH_CHARS + 1).collect();
    let room = head.char_indices().next_back().map_or(0, |(at, _)| at);
    let cut = head.rfind('-').unwrap_or(room);
    format!("{}-{:08x}", &head[..cut], fnv1a(slug.as_bytes()))
}

/// Lower-case words joined by hyphens.
fn slug(title: &str) -> String {
    let mut slug = String::with_capacity(title.len());
    let mut gap = false;
    for c in title.chars().filter(|c| !matches!(c, '\'' | '’')) {
        if !c.is_alphanumeric() {
            gap = true;
            continue;
        }
        if gap && !slug.is_empty() {
            slug.push('-');
        }
        gap = false;
        slug.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
    }
    slug
}

/// FNV-1a, 32 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &b| {
        (hash ^ u32::from(b)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_has_its_published_values() {
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn a_short_title_is_its_id() {
        assert_eq!(
            title_id("Random Teachers are Good Teachers"),
            "random-teachers-are-good-teachers"
        );
        assert_eq!(
            title_id("  T-JEPA:  a Model's “view” "),
            "t-jepa-a-models-view"
        );
        assert_eq!(title_id("Über Größe: 深度学习"), "über-größe-深度学习");
        assert_eq!(title_id(&"x".repeat(60)), "x".repeat(60));
    }

    #[test]
    fn a_long_title_is_cut_between_words() {
        let long =
            "Contrastive learning of global and local features for medical image segmentation";
        let id = title_id(long);
        assert_eq!(
            id,
            format!(
                "contrastive-learning-of-global-and-local-features-{}",
                &id[id.len() - 8..]
            )
        );
        assert_ne!(
            id,
            title_id(&format!("{long} again")),
            "titles that differ after the cut have other ids"
        );
        assert_eq!(id, title_id(&long.to_uppercase()));
        let fits = format!("{} {}", "a".repeat(51), "b".repeat(20));
        assert!(title_id(&fits).starts_with(&format!("{}-", "a".repeat(51))));
        for word in ["x", "深", "é"] {
            let id = title_id(&word.repeat(500));
            assert_eq!(id.chars().count(), MAX_CHARS, "{id}");
        }
        for chars in 40..140 {
            let title: String = "long wörds 深度 in a row "
                .chars()
                .cycle()
                .take(chars)
                .collect();
            assert!(title_id(&title).chars().count() <= MAX_CHARS, "{title}");
        }
    }

    #[test]
    fn a_title_without_letters_gets_the_hash() {
        assert_eq!(title_id("?!"), format!("{:08x}", fnv1a(b"?!")));
        assert_ne!(title_id("?!"), title_id("…"));
    }
}
