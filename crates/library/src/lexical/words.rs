//! A text as the words that are compared: lower case, without function words, plural and singular alike.
//!
//! Not for: what the model reads (the tokenizer of `embed` does that), nor for names of topics.

/// The longest word that is kept, in bytes; longer ones are URLs and debris.
const LONGEST: usize = 64;

/// English function words, and those that nearly every abstract has. Sorted.
const STOP_WORDS: [&str; 102] = [
    "about", "above", "after", "against", "all", "also", "among", "an", "and", "any", "are", "as",
    "at", "be", "been", "before", "being", "below", "between", "both", "but", "by", "can", "could",
    "did", "do", "does", "done", "down", "during", "each", "few", "for", "from", "had", "has",
    "have", "having", "he", "here", "his", "how", "if", "in", "into", "is", "it", "its", "may",
    "might", "more", "most", "no", "nor", "not", "of", "off", "on", "only", "onto", "or", "other",
    "our", "out", "over", "own", "same", "shall", "she", "should", "so", "some", "such", "than",
    "that", "the", "their", "then", "there", "these", "they", "this", "those", "through", "to",
    "too", "under", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which",
    "who", "will", "with", "within", "without",
];

/// Calls `word` with every word of `text` that is compared: runs of letters and digits in lower case, with two characters or
/// more, function words left out, and a plural `s` taken off.
pub(crate) fn words(text: &str, mut word: impl FnMut(&str)) {
    let mut lower = String::new();
    for run in text.split(|c: char| !c.is_alphanumeric()) {
        if run.len() < 2 || run.len() > LONGEST {
            continue;
        }
        lower.clear();
        lower.extend(run.chars().flat_map(char::to_lowercase));
        if STOP_WORDS.binary_search(&lower.as_str()).is_err() {
            singular(&mut lower);
            word(&lower);
        }
    }
}

/// Takes a plural ending off, as the "S stemmer" does (Harman, "How effective is suffixing?", 1991).
fn singular(word: &mut String) {
    let ends = |ending: &str| word.ends_with(ending);
    if word.len() <= 3 || !ends("s") {
        return;
    }
    if ends("ies") && !ends("eies") && !ends("aies") {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if !ends("us") && !ends("ss") && !ends("is") {
        word.truncate(word.len() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        words(text, |word| all.push(word.to_owned()));
        all
    }

    #[test]
    fn words_are_folded_and_function_words_left_out() {
        assert_eq!(
            list("The Queries of GRAPHS, and a focus: gas-phase analysis (2nd)!"),
            ["query", "graph", "focus", "gas", "phase", "analysis", "2nd"]
        );
        assert_eq!(list("Überflüge 自监督 x"), ["überflüge", "自监督"]);
        assert!(list("of the — …").is_empty());
        assert!(STOP_WORDS.is_sorted());
    }
}
