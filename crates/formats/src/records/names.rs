//! Names of authors as they are read aloud. Not for: telling whether two names are one person.

/// "Curie, Marie" as "Marie Curie", "King, Martin, Jr." as "Martin King Jr."; a name without a comma as it is.
pub(crate) fn natural_order(name: &str) -> String {
    let parts: Vec<&str> = name.split(',').map(str::trim).collect();
    match parts[..] {
        [family, given] => name_parts(given, family, ""),
        [family, given, suffix] => name_parts(given, family, suffix),
        _ => name.trim().to_owned(),
    }
}

/// The parts that there are, with a blank between them.
pub(crate) fn name_parts(given: &str, family: &str, suffix: &str) -> String {
    let parts = [given, family, suffix];
    let there: Vec<&str> = parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    there.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_name_comes_first() {
        for (name, natural) in [
            ("Curie, Marie", "Marie Curie"),
            ("van de Schoot, Rens", "Rens van de Schoot"),
            ("King, Martin, Jr.", "Martin King Jr."),
            ("Liu R.", "Liu R."),
            ("Plato,", "Plato"),
            ("The A, B, C, D Group", "The A, B, C, D Group"),
        ] {
            assert_eq!(natural_order(name), natural);
        }
    }
}
