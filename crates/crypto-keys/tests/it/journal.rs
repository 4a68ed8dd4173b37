//! Keys of files outside the database.

use std::sync::Arc;

use vutf_crypto_keys::{JournalKey, KekSet, KeyWrapper, memory::MemoryWrapper};
use vutf_kernel::{OsEntropy, Secret};

fn kek(name: &str, byte: u8) -> Arc<dyn KeyWrapper> {
    Arc::new(MemoryWrapper::new(name, Secret::new([byte; 32])).unwrap())
}

#[tokio::test]
async fn a_tag_holds_for_its_line_in_its_place_under_its_key() {
    let kek = kek("a", 1);
    let key = JournalKey::make("one", &mut OsEntropy);
    let first = key.tag(&JournalKey::START, b"line").unwrap();
    let second = key.tag(&first, b"line").unwrap();
    assert_ne!(first, second);
    let wraps = key.wrapped(&*kek).await.unwrap();
    let again = JournalKey::open("one", &*kek, &wraps).await.unwrap();
    assert!(again.verifies(&first, b"line", &second).unwrap());
    for (previous, line, tag) in [
        (JournalKey::START, &b"line"[..], second),
        (first, b"line", first),
        (first, b"lime", second),
        (first, b"", second),
    ] {
        assert!(!again.verifies(&previous, line, &tag).unwrap(), "{line:?}");
    }
    let other = JournalKey::make("one", &mut OsEntropy);
    assert!(!other.verifies(&first, b"line", &second).unwrap());
}

#[tokio::test]
async fn a_wrapped_key_is_bound_to_its_kind_of_file_and_its_key_encryption_key() {
    let (old, new) = (kek("old", 1), kek("new", 2));
    let key = JournalKey::make("one", &mut OsEntropy);
    let wraps = key.wrapped(&*old).await.unwrap();
    assert!(JournalKey::open("two", &*old, &wraps).await.is_err());
    assert!(JournalKey::open("one", &*new, &wraps).await.is_err());
    // While keys are moved, the set opens what the old one wrapped, and wraps under the new one.
    let set = KekSet::new(Arc::clone(&new), Vec::new(), vec![old]).unwrap();
    assert!(!set.is_current(&wraps.encode()));
    let moved = JournalKey::open("one", &set, &wraps).await.unwrap();
    let moved = moved.wrapped(&set).await.unwrap();
    assert!(set.is_current(&moved.encode()));
    let again = JournalKey::open("one", &*new, &moved).await.unwrap();
    let tag = key.tag(&JournalKey::START, b"line").unwrap();
    assert!(again.verifies(&JournalKey::START, b"line", &tag).unwrap());
}

#[test]
fn the_key_is_not_printed() {
    let key = JournalKey::make("one", &mut OsEntropy);
    let text = format!("{key:?} {key:#?}");
    assert!(text.contains("redacted") && text.len() < 80, "{text}");
}
