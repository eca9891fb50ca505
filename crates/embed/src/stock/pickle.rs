//! Tensors of a file that `torch.save` wrote, by Candle's reader: it takes the names, shapes and bytes of tensors out of the
//! pickle and calls nothing that the pickle names.
//!
//! Not for: any other pickle. Files of torch before 1.6 are no archives, and are refused.

use candle_core::Tensor;
use candle_core::pickle::PthTensors;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

const HOW: &str = "save the model with safetensors, and give that folder";

/// All tensors of the file, in the precision they are stored in.
pub(super) fn read(path: &Path) -> Result<HashMap<String, Tensor>, String> {
    let mut magic = [0u8; 4];
    let mut file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    if file.read_exact(&mut magic).is_err() || magic != *b"PK\x03\x04" {
        return Err(format!(
            "it is no archive of torch.save as torch writes it since 1.6: {HOW}"
        ));
    }
    intact(&file, size).map_err(|why| format!("{why}: {HOW}"))?;
    // Candle's reader takes arguments out of a pickle without counting them. Nothing of it is used after a panic.
    let all = syntopic_core::caught(|| read_archive(path, size));
    let tensors = all.unwrap_or_else(|| Err("the pickle in it is damaged".to_owned()));
    tensors.map_err(|why| format!("{why}: {HOW}"))
}

/// Compares every member of the archive with its checksum, which Candle's reader does not.
fn intact(file: &std::fs::File, size: u64) -> Result<(), String> {
    let mut archive = zip::ZipArchive::new(file).map_err(|error| error.to_string())?;
    // Members that lie over one another would be read again and again.
    let mut left = size;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?;
        let name = name.into_owned();
        left = match left.checked_sub(member.size()) {
            Some(left) if member.compression() == zip::CompressionMethod::Stored => left,
            _ => return Err(format!("{name} in it is packed, which torch does not do")),
        };
        std::io::copy(&mut member, &mut std::io::sink()).map_err(|error| {
            format!("{name} in it is damaged, or was written without its CRC-32 ({error})")
        })?;
    }
    Ok(())
}

fn read_archive(path: &Path, size: u64) -> Result<HashMap<String, Tensor>, String> {
    let archive = PthTensors::new(path, None).map_err(|error| error.to_string())?;
    let mut tensors = HashMap::new();
    // Names may share one storage, as those of tied weights do; each is read by itself.
    let mut left = size.saturating_mul(4);
    for (name, info) in archive.tensor_infos() {
        // torch does not compress: no tensor is larger than the file. What a damaged one claims is not allocated.
        let bytes = info
            .layout
            .dims()
            .iter()
            .try_fold(info.dtype.size_in_bytes(), |bytes, n| bytes.checked_mul(*n))
            .filter(|bytes| *bytes as u64 <= size);
        left = bytes
            .and_then(|bytes| left.checked_sub(bytes as u64))
            .ok_or_else(|| format!("{name} is said to be larger than the file"))?;
        if let Some(tensor) = archive.get(name).map_err(|error| error.to_string())? {
            tensors.insert(name.clone(), tensor);
        }
    }
    if tensors.is_empty() {
        return Err("it holds no tensors by name".to_owned());
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// The error of an archive that holds this pickle.
    fn refusal(pickle: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut archive = zip::ZipWriter::new(file.reopen().expect("the file"));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        archive
            .start_file("archive/data.pkl", options)
            .expect("a member");
        archive.write_all(pickle).expect("written");
        archive.finish().expect("written");
        read(file.path()).expect_err("refused")
    }

    #[test]
    fn a_member_that_is_not_what_its_checksum_says_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut archive = zip::ZipWriter::new(file.reopen().expect("the file"));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in [
            ("archive/data.pkl", &b"\x80\x02}."[..]),
            ("archive/data/0", &[7; 64]),
        ] {
            archive.start_file(name, options).expect("a member");
            archive.write_all(bytes).expect("written");
        }
        archive.finish().expect("written");
        assert!(
            read(file.path())
                .expect_err("refused")
                .contains("no tensors")
        );
        let mut bytes = std::fs::read(file.path()).expect("read");
        let at = bytes.windows(64).position(|w| w == [7; 64]).expect("there");
        bytes[at + 5] ^= 1;
        std::fs::write(file.path(), bytes).expect("written");
        let why = read(file.path()).expect_err("refused");
        assert!(why.contains("archive/data/0 in it is damaged"), "{why}");
    }

    #[test]
    fn what_is_no_file_of_tensors_is_refused_and_nothing_in_it_runs() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), b"\x80\x02}q\x00.").expect("written");
        assert!(
            read(file.path())
                .expect_err("refused")
                .contains("since 1.6")
        );
        assert!(refusal(b"\x80\x02}.").contains("no tensors"));
        // `os.system("touch …")`, as a pickle asks for it.
        let marker = tempfile::tempdir().expect("a folder");
        let command = format!("touch {}", marker.path().join("ran").display());
        let evil = [
            b"\x80\x02cos\nsystem\nX".as_slice(),
            &u32::try_from(command.len()).expect("short").to_le_bytes(),
            command.as_bytes(),
            b"\x85R.",
        ]
        .concat();
        assert!(refusal(&evil).contains("safetensors"));
        assert!(!marker.path().join("ran").exists());
        // A tensor rebuilt of no arguments: {"a": _rebuild_from_type_v2()}.
        let bare = b"\x80\x02}X\x01\x00\x00\x00actorch._tensor\n_rebuild_from_type_v2\n)Rs.";
        assert!(refusal(bare).contains("damaged"));
    }
}
