//! Which files of a folder hold its weights: one, or several that an index lists.
//!
//! Not for: what is in them.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The file of weights that are in one.
pub(crate) const WHOLE: &str = "model.safetensors";
/// The file that says which others the weights are in.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// The same as torch's own files, which are read where there is no safetensors file.
pub(crate) const PICKLE: &str = "pytorch_model.bin";
/// The index of several of them.
pub(crate) const PICKLE_INDEX: &str = "pytorch_model.bin.index.json";

/// The index, as transformers writes it.
#[derive(Deserialize)]
struct Index {
    /// File by tensor.
    weight_map: BTreeMap<String, String>,
}

/// Whether a file of weights is torch's own, by its name.
pub(crate) fn is_pickle(name: &str) -> bool {
    name.ends_with(".bin")
}

/// The index, where the weights are in several files. One file, where it is there, is what transformers reads too.
pub(crate) fn index(folder: &Path) -> Option<&'static str> {
    for (whole, index) in [(WHOLE, INDEX), (PICKLE, PICKLE_INDEX)] {
        if folder.join(whole).is_file() {
            return None;
        }
        if folder.join(index).is_file() {
            return Some(index);
        }
    }
    None
}

/// The names of the files that hold the weights, sorted; the one safetensors file, whether it is there or not, where there is
/// nothing else.
///
/// # Errors
/// When the index cannot be read, or lists what is no file of weights of the folder; the text names the index.
pub(crate) fn weight_files(folder: &Path) -> Result<Vec<String>, String> {
    let Some(file) = index(folder) else {
        let pickled = !folder.join(WHOLE).is_file() && folder.join(PICKLE).is_file();
        return Ok(vec![if pickled { PICKLE } else { WHOLE }.to_owned()]);
    };
    let bytes = std::fs::read(folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
    let index: Index = serde_json::from_slice(&bytes)
        .map_err(|e| format!("{file}: not the JSON expected: {e}"))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    if names.is_empty() {
        return Err(format!("{file} lists no files"));
    }
    let ending = if file == INDEX {
        ".safetensors"
    } else {
        ".bin"
    };
    let leaves = |name: &&String| {
        name.contains(['/', '\\', ':']) || name.starts_with('.') || !name.ends_with(ending)
    };
    match names.iter().find(leaves) {
        Some(wrong) => Err(format!(
            "{file} lists {wrong:?}, expected the name of a {ending} file beside it"
        )),
        None => Ok(names.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::folder;

    #[test]
    fn one_file_comes_before_an_index() {
        let listed = r#"{"weight_map":{"a":"model-2.safetensors","b":"model-1.safetensors","c":"model-1.safetensors"}}"#;
        let dir = folder(&[(INDEX, listed)]);
        assert!(index(dir.path()).is_some());
        let files = weight_files(dir.path());
        assert_eq!(
            files,
            Ok(vec![
                "model-1.safetensors".to_owned(),
                "model-2.safetensors".to_owned()
            ])
        );
        std::fs::write(dir.path().join(WHOLE), "").expect("a file");
        assert!(index(dir.path()).is_none());
        assert_eq!(weight_files(dir.path()), Ok(vec![WHOLE.to_owned()]));
    }

    #[test]
    fn torchs_own_files_come_last() {
        let dir = folder(&[(PICKLE, ""), (PICKLE_INDEX, "{}")]);
        assert_eq!(weight_files(dir.path()), Ok(vec![PICKLE.to_owned()]));
        std::fs::remove_file(dir.path().join(PICKLE)).expect("removed");
        let index = r#"{"weight_map":{"a":"pytorch_model-2.bin","b":"pytorch_model-1.bin"}}"#;
        std::fs::write(dir.path().join(PICKLE_INDEX), index).expect("written");
        assert_eq!(weight_files(dir.path()).map(|files| files.len()), Ok(2));
        std::fs::write(dir.path().join(WHOLE), "").expect("written");
        assert_eq!(weight_files(dir.path()), Ok(vec![WHOLE.to_owned()]));
        assert_eq!(weight_files(folder(&[]).path()), Ok(vec![WHOLE.to_owned()]));
    }

    #[test]
    fn an_index_of_other_files_is_refused() {
        for (index, words) in [
            (
                r#"{"weight_map":{"a":"../model.safetensors"}}"#,
                "\"../model.safetensors\"",
            ),
            (
                r#"{"weight_map":{"a":"/etc/model.safetensors"}}"#,
                "beside it",
            ),
            (r#"{"weight_map":{"a":"model.bin"}}"#, "\"model.bin\""),
            (r#"{"weight_map":{}}"#, "lists no files"),
            ("{}", "weight_map"),
        ] {
            let dir = folder(&[(INDEX, index)]);
            let error = weight_files(dir.path()).expect_err("refused");
            assert!(error.contains(INDEX) && error.contains(words), "{error}");
        }
    }
}
