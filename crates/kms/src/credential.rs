//! Files that hold a credential: short, and nobody else's to read.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use vutf_kernel::Secret;
use zeroize::Zeroizing;

/// What nobody but the owner may do. A group may read: Kubernetes mounts secrets for the group `fsGroup`, with 0440.
const NOT_OWNER: u32 = 0o037;

/// The text in the file, without the line end behind it: 1 to `longest` bytes. Otherwise what is wrong, without the text.
pub(crate) fn read(path: &Path, longest: usize) -> Result<Secret<String>, String> {
    let told = |error: io::Error| error.to_string();
    let file = File::open(path).map_err(told)?;
    // Of the open file, not of the path: it cannot be exchanged in between.
    if file.metadata().map_err(told)?.permissions().mode() & NOT_OWNER != 0 {
        return Err("others may read it, or its group may write it".to_owned());
    }
    // With room for the line end, and for one byte more that tells that it is another file.
    let most = longest.saturating_add(LINE_END.len()).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(told)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it holds no text".to_owned())?;
    let end = text.strip_suffix(LINE_END).or_else(|| text.strip_suffix('\n'));
    let text = end.unwrap_or(text);
    if text.is_empty() || text.len() > longest {
        return Err(format!("it does not hold 1 to {longest} bytes of text"));
    }
    Ok(Secret::new(text.to_owned()))
}

const LINE_END: &str = "\r\n";

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    fn told(content: &[u8], mode: u32) -> Result<Secret<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("credential");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        read(&path, 8)
    }

    #[test]
    fn a_credential_is_short_text_that_only_its_owner_reads() {
        for content in ["12345678", "12345678\n", "12345678\r\n"] {
            let text = told(content.as_bytes(), 0o400).unwrap();
            assert_eq!(text, Secret::new("12345678".to_owned()), "{content:?}");
        }
        assert!(told(b"12345678", 0o440).is_ok(), "of the owner and a group");
        for mode in [0o644, 0o604, 0o620, 0o660] {
            let problem = told(b"12345678", mode).unwrap_err();
            assert_eq!(
                problem, "others may read it, or its group may write it",
                "{mode:o}"
            );
        }
        for content in ["", "\n", "123456789", "123456789\n", "12345678\n\n"] {
            let problem = told(content.as_bytes(), 0o600).unwrap_err();
            assert!(problem.contains("1 to 8 bytes"), "{content:?}: {problem}");
        }
        assert_eq!(told(b"\xFF\xFE", 0o600).unwrap_err(), "it holds no text");
    }

    #[test]
    fn of_a_file_without_an_end_only_the_beginning_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("endless");
        let file = fs::File::create(&path).unwrap();
        file.set_permissions(Permissions::from_mode(0o600)).unwrap();
        // Sparse: whoever reads it whole asks for a terabyte.
        file.set_len(1 << 40).unwrap();
        assert!(read(&path, 8).unwrap_err().contains("1 to 8 bytes"));
    }
}
