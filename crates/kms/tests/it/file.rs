//! The file provider.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Barrier},
    time::Duration,
};

use tempfile::TempDir;
use vutf_crypto_keys::{KeyWrapper, Suite};
use vutf_kernel::{BreakerOptions, Clock as _, OsEntropy, Secret, SystemClock};
use vutf_kms::{Breaking, FileError, FileKek, FileKeks, FileWrapper, Rotated, suite_of};

use crate::conformance::{Candidates, conforms};

const PASSPHRASE: &str = "correct horse battery staple";

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kek.json");
    (directory, path)
}

fn passphrase(text: &str) -> FileKek {
    FileKek::Passphrase(Secret::new(text.to_owned()))
}

fn create(path: &Path, protection: &FileKek) -> Result<FileWrapper, FileError> {
    create_of(Suite::XChaCha20Poly1305, path, protection)
}

fn create_of(suite: Suite, path: &Path, protection: &FileKek) -> Result<FileWrapper, FileError> {
    FileWrapper::create_new(path, protection, suite, &mut OsEntropy)
}

conforms!(unsealed, made(Suite::XChaCha20Poly1305, FileKek::Unsealed));
conforms!(
    under_a_passphrase,
    made(Suite::XChaCha20Poly1305, passphrase(PASSPHRASE))
);
conforms!(
    under_a_key,
    made(Suite::Xaes256Gcm, FileKek::Key(Secret::new([9; 32])))
);
conforms!(behind_a_breaker, behind_breakers());
conforms!(from_the_configuration, configured());

#[expect(clippy::unused_async, reason = "makers of remote providers wait")]
async fn made(suite: Suite, protection: FileKek) -> Option<Candidates> {
    let (directory, path) = place();
    let (other_directory, other) = place();
    Some(Candidates {
        provider: Arc::new(create_of(suite, &path, &protection).unwrap()),
        again: Arc::new(FileWrapper::open(&path, &protection).unwrap()),
        other: Arc::new(create_of(suite, &other, &protection).unwrap()),
        keep: Box::new((directory, other_directory)),
    })
}

#[expect(clippy::unused_async, reason = "makers of remote providers wait")]
async fn behind_breakers() -> Option<Candidates> {
    let (directory, path) = place();
    let (other_directory, other) = place();
    let behind = |file| Arc::new(Breaking::new(file, BreakerOptions::default()));
    Some(Candidates {
        provider: behind(create(&path, &FileKek::Unsealed).unwrap()),
        again: behind(FileWrapper::open(&path, &FileKek::Unsealed).unwrap()),
        other: behind(create(&other, &FileKek::Unsealed).unwrap()),
        keep: Box::new((directory, other_directory)),
    })
}

#[expect(clippy::unused_async, reason = "makers of remote providers wait")]
async fn configured() -> Option<Candidates> {
    let from_key = |id, byte| Arc::new(FileWrapper::from_key(id, Secret::new([byte; 32])).unwrap());
    Some(Candidates {
        provider: from_key("a", 1),
        again: from_key("a", 1),
        other: from_key("b", 2),
        keep: Box::new(()),
    })
}

#[test]
fn an_id_that_rows_cannot_carry_is_refused() {
    for bad in ["", "a b", "a\n", &"x".repeat(65)] {
        let answer = FileWrapper::from_key(bad, Secret::new([1; 32]));
        assert!(matches!(answer, Err(FileError::KekId { .. })), "{bad:?}");
    }
}

#[test]
fn the_file_is_the_owners_alone_and_nothing_else_is_left() {
    let (directory, path) = place();
    create(&path, &FileKek::Unsealed).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let names: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["kek.json"]);
}

#[test]
fn a_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let (_directory, path) = place();
    create(&path, &FileKek::Unsealed).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o644, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = FileWrapper::open(&path, &FileKek::Unsealed).unwrap_err();
        assert!(matches!(error, FileError::Permissions { mode: found, .. } if found == mode));
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    FileWrapper::open(&path, &FileKek::Unsealed).unwrap();
}

#[test]
fn an_existing_file_is_never_replaced_by_a_new_one() {
    let (_directory, path) = place();
    create(&path, &FileKek::Unsealed).unwrap();
    let before = fs::read(&path).unwrap();
    let error = create(&path, &FileKek::Unsealed).unwrap_err();
    assert!(matches!(error, FileError::Exists { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn of_many_that_start_together_one_makes_the_file_and_all_use_it() {
    for _ in 0..20 {
        let (directory, path) = place();
        let start = Barrier::new(8);
        let ids: HashSet<String> = std::thread::scope(|scope| {
            let start_one = || {
                start.wait();
                let wrapper = FileWrapper::open_or_create(
                    &path,
                    &FileKek::Unsealed,
                    Suite::XChaCha20Poly1305,
                    &mut OsEntropy,
                );
                wrapper.unwrap().kek_id().to_owned()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start_one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    }
}

#[test]
fn drafts_that_nobody_is_writing_are_swept_away_and_nothing_else() {
    let (directory, path) = place();
    create(&path, &FileKek::Unsealed).unwrap();
    let names =
        [".kek-00.tmp", ".kek-01.tmp", ".kek-x", "kek-00.tmp"].map(|name| directory.path().join(name));
    for name in &names {
        fs::write(name, "x").unwrap();
    }
    let [abandoned, at_work, other, another] = names;
    let writer = fs::File::open(&at_work).unwrap();
    writer.lock().unwrap();
    let now = |later: u64| SystemClock.now().plus(Duration::from_secs(later));
    assert_eq!(FileWrapper::sweep(&path, now(0)).unwrap(), 0, "too new");
    assert_eq!(FileWrapper::sweep(&path, now(61)).unwrap(), 1);
    assert!(!abandoned.exists() && at_work.exists());
    drop(writer);
    assert_eq!(FileWrapper::sweep(&path, now(61)).unwrap(), 1);
    assert!(!at_work.exists() && other.exists() && another.exists() && path.exists());
}

#[test]
fn where_a_key_is_needed_none_is_made() {
    let (_directory, path) = place();
    let answer = FileKeks::open(&path, &FileKek::Unsealed);
    assert!(matches!(answer, Err(FileError::Missing { .. })));
    assert!(!path.exists());
    create(&path, &FileKek::Unsealed).unwrap();
    FileKeks::open(&path, &FileKek::Unsealed).unwrap();
}

#[test]
fn a_wrong_passphrase_or_key_is_told_with_what_to_do() {
    let (_directory, path) = place();
    create(&path, &passphrase(PASSPHRASE)).unwrap();
    let error = FileWrapper::open(&path, &passphrase("incorrect horse battery")).unwrap_err();
    assert!(
        matches!(
            error,
            FileError::DoesNotOpen {
                with: "passphrase",
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("restore"), "{error}");

    let (_directory, path) = place();
    create(&path, &FileKek::Key(Secret::new([1; 32]))).unwrap();
    let error = FileWrapper::open(&path, &FileKek::Key(Secret::new([2; 32]))).unwrap_err();
    assert!(
        matches!(error, FileError::DoesNotOpen { with: "key", .. }),
        "{error}"
    );
}

#[test]
fn a_file_that_is_protected_otherwise_is_refused_both_ways() {
    let all = [
        FileKek::Unsealed,
        passphrase(PASSPHRASE),
        FileKek::Key(Secret::new([1; 32])),
    ];
    for (at, made_with) in all.iter().enumerate() {
        let (_directory, path) = place();
        create(&path, made_with).unwrap();
        for (other, opened_with) in all.iter().enumerate() {
            let answer =
                FileWrapper::open_or_create(&path, opened_with, Suite::XChaCha20Poly1305, &mut OsEntropy);
            match answer {
                Ok(_) => assert_eq!(at, other),
                Err(error) => {
                    assert_ne!(at, other);
                    assert!(matches!(error, FileError::Protection { .. }), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_short_passphrase_makes_no_file() {
    let (directory, path) = place();
    let error = create(&path, &passphrase("fourteen chars")).unwrap_err();
    assert!(matches!(error, FileError::WeakPassphrase));
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[tokio::test]
async fn resealing_keeps_the_key() {
    let (directory, path) = place();
    let before = create(&path, &FileKek::Unsealed).unwrap();
    let wrapped = before.wrap(&Secret::new([7; 32]), b"c").await.unwrap();
    let sealed = passphrase(PASSPHRASE);
    FileWrapper::reseal(&path, &FileKek::Unsealed, &sealed, &mut OsEntropy).unwrap();
    let after = FileWrapper::open(&path, &sealed).unwrap();
    assert_eq!(after.unwrap(&wrapped, b"c").await.unwrap(), Secret::new([7; 32]));
    assert!(FileWrapper::open(&path, &FileKek::Unsealed).is_err());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let (_directory, path) = place();
    create(&path, &FileKek::Unsealed).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find("\"key\": \"").unwrap() + 8;
    let mut flipped = text.clone().into_bytes();
    flipped[at] = if flipped[at] == b'0' { b'1' } else { b'0' };
    let cases = [
        flipped,
        text.as_bytes()[..text.len() / 2].to_vec(),
        Vec::new(),
        vec![b' '; 5_000],
    ];
    for damaged in cases {
        fs::write(&path, &damaged).unwrap();
        let error = FileWrapper::open_or_create(
            &path,
            &FileKek::Unsealed,
            Suite::XChaCha20Poly1305,
            &mut OsEntropy,
        )
        .unwrap_err();
        assert!(
            matches!(error, FileError::Damaged { .. } | FileError::Malformed { .. }),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn a_directory_is_no_key_file_and_a_missing_one_is_told() {
    let (directory, _) = place();
    assert!(FileWrapper::open(directory.path(), &FileKek::Unsealed).is_err());
    let nowhere = directory.path().join("missing").join("kek.json");
    let error = FileWrapper::open_or_create(
        &nowhere,
        &FileKek::Unsealed,
        Suite::XChaCha20Poly1305,
        &mut OsEntropy,
    )
    .unwrap_err();
    assert!(matches!(error, FileError::Io { .. }), "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn the_key_is_not_printed() {
    let (_directory, path) = place();
    let wrapper = create(&path, &FileKek::Unsealed).unwrap();
    assert_eq!(
        format!("{wrapper:?}"),
        format!("FileWrapper({}, redacted)", wrapper.kek_id())
    );
}

fn rotate(path: &Path, protection: &FileKek) -> Result<Rotated, FileError> {
    let current = FileWrapper::open(path, protection)?;
    FileWrapper::rotate(
        path,
        protection,
        Suite::XChaCha20Poly1305,
        current.kek_id(),
        &mut OsEntropy,
    )
}

fn open_all(path: &Path, protection: &FileKek) -> Result<FileKeks, FileError> {
    FileKeks::open_or_create(path, protection, Suite::XChaCha20Poly1305, &mut OsEntropy)
}

fn ids(previous: &[FileWrapper]) -> Vec<&str> {
    previous.iter().map(KeyWrapper::kek_id).collect()
}

#[tokio::test]
async fn a_rotated_file_holds_a_new_key_and_opens_the_previous_ones_beside_it() {
    let (_directory, path) = place();
    let sealed = passphrase(PASSPHRASE);
    let first = create(&path, &sealed).unwrap();
    let wrapped = first.wrap(&Secret::new([7; 32]), b"c").await.unwrap();
    let one = rotate(&path, &sealed).unwrap();
    let two = rotate(&path, &sealed).unwrap();
    assert_eq!((one.from.as_str(), &one.to), (first.kek_id(), &two.from));
    let keks = open_all(&path, &sealed).unwrap();
    assert_eq!(keks.current.kek_id(), two.to);
    let mut expected = [first.kek_id(), one.to.as_str()];
    expected.sort_unstable();
    assert_eq!(ids(&keks.previous), expected);
    let opened = keks.previous.iter().find(|kek| kek.kek_id() == first.kek_id());
    let key = opened.unwrap().unwrap(&wrapped, b"c").await.unwrap();
    assert_eq!(key, Secret::new([7; 32]));
    for file in [&path, &one.kept, &two.kept] {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{}", file.display());
    }
    FileWrapper::forget_previous(&path, first.kek_id()).unwrap();
    FileWrapper::forget_previous(&path, first.kek_id()).expect("gone is gone");
    assert_eq!(FileWrapper::previous_ids(&path).unwrap(), [one.to]);
}

#[tokio::test]
async fn a_process_that_was_not_restarted_wraps_nothing_more_and_says_so() {
    let (_directory, path) = place();
    let before = create(&path, &FileKek::Unsealed).unwrap();
    let wrapped = before.wrap(&Secret::new([7; 32]), b"c").await.unwrap();
    let rotated = rotate(&path, &FileKek::Unsealed).unwrap();
    for error in [
        before.wrap(&Secret::new([7; 32]), b"c").await.unwrap_err(),
        before.ping().await.unwrap_err(),
    ] {
        let text = error.chain();
        assert!(text.contains(&rotated.to) && text.contains("restart"), "{text}");
    }
    before.unwrap(&wrapped, b"c").await.expect("it still opens");
    fs::remove_file(&path).unwrap();
    assert!(before.ping().await.unwrap_err().chain().contains("backup"));
}

#[test]
fn the_key_that_was_seen_is_the_one_that_is_rotated() {
    let (_directory, path) = place();
    let seen = create(&path, &FileKek::Unsealed).unwrap();
    let rotated = rotate(&path, &FileKek::Unsealed).unwrap();
    let error = FileWrapper::rotate(
        &path,
        &FileKek::Unsealed,
        Suite::XChaCha20Poly1305,
        seen.kek_id(),
        &mut OsEntropy,
    )
    .unwrap_err();
    assert!(matches!(error, FileError::Exchanged { found, .. } if found == rotated.to));
}

#[test]
fn of_many_that_rotate_together_one_does_and_no_key_is_lost() {
    let (_directory, path) = place();
    let first = create(&path, &FileKek::Unsealed).unwrap().kek_id().to_owned();
    let start = Barrier::new(8);
    let done: Vec<_> = std::thread::scope(|scope| {
        let rotate_one = || {
            start.wait();
            FileWrapper::rotate(
                &path,
                &FileKek::Unsealed,
                Suite::XChaCha20Poly1305,
                &first,
                &mut OsEntropy,
            )
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(rotate_one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (won, lost): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost.into_iter().map(Result::unwrap_err) {
        let told = matches!(error, FileError::Busy { .. } | FileError::Exchanged { .. });
        assert!(told, "{error}");
    }
    let keks = open_all(&path, &FileKek::Unsealed).unwrap();
    assert_eq!(keks.current.kek_id(), won.into_iter().next().unwrap().unwrap().to);
    assert_eq!(ids(&keks.previous), [first.as_str()]);
}

#[test]
fn a_previous_file_that_is_not_what_its_name_says_stops_the_start() {
    let (_directory, path) = place();
    create(&path, &FileKek::Unsealed).unwrap();
    let rotated = rotate(&path, &FileKek::Unsealed).unwrap();
    fs::remove_file(&rotated.kept).unwrap();
    fs::copy(&path, &rotated.kept).unwrap();
    let error = open_all(&path, &FileKek::Unsealed).unwrap_err();
    assert!(matches!(error, FileError::Misnamed { found, .. } if found == rotated.to));
    fs::write(&rotated.kept, "{}").unwrap();
    assert!(matches!(
        open_all(&path, &FileKek::Unsealed).unwrap_err(),
        FileError::Malformed { .. }
    ));
    assert!(matches!(
        FileWrapper::forget_previous(&path, "../kek"),
        Err(FileError::KekId { .. })
    ));
}

#[tokio::test]
async fn a_file_is_lost_and_comes_back_from_shares() {
    let (directory, path) = place();
    let sealed = passphrase(PASSPHRASE);
    let before = create(&path, &sealed).unwrap();
    let wrapped = before.wrap(&Secret::new([7; 32]), b"c").await.unwrap();
    let shares = FileWrapper::split(&path, &sealed, 3, 5, &mut OsEntropy).unwrap();
    let custodian = |index: u8| directory.path().join(format!("share-{index}"));
    for share in &shares {
        FileWrapper::write_share(&custodian(share.index()), share, &mut OsEntropy).unwrap();
        let again = FileWrapper::write_share(&custodian(share.index()), share, &mut OsEntropy);
        assert!(matches!(again, Err(FileError::Exists { .. })));
    }
    let read: Vec<_> = [5, 1, 4]
        .map(|index| FileWrapper::read_share(&custodian(index)).unwrap())
        .to_vec();
    let taken = FileWrapper::join(&path, &sealed, &read, &mut OsEntropy).unwrap_err();
    assert!(matches!(taken, FileError::Exists { .. }));
    fs::remove_file(&path).unwrap();
    let other = FileKek::Key(Secret::new([9; 32]));
    let error = FileWrapper::join(&path, &other, &read[..2], &mut OsEntropy).unwrap_err();
    assert!(matches!(error, FileError::Share(_)), "{error}");
    assert!(!path.exists());
    FileWrapper::join(&path, &other, &read, &mut OsEntropy).unwrap();
    let after = FileWrapper::open(&path, &other).unwrap();
    assert_eq!(after.kek_id(), before.kek_id());
    assert_eq!(after.unwrap(&wrapped, b"c").await.unwrap(), Secret::new([7; 32]));

    fs::set_permissions(custodian(1), fs::Permissions::from_mode(0o644)).unwrap();
    let error = FileWrapper::read_share(&custodian(1)).unwrap_err();
    assert!(matches!(error, FileError::Permissions { .. }), "{error}");
}

#[tokio::test]
async fn a_key_keeps_its_suite_in_the_file_in_shares_and_beside_its_successor() {
    let (_directory, path) = place();
    let [old, new] = Suite::ALL;
    let sealed = passphrase(PASSPHRASE);
    let first = create_of(old, &path, &sealed).unwrap();
    let wrapped = first.wrap(&Secret::new([5; 32]), b"c").await.unwrap();
    FileWrapper::rotate(&path, &sealed, new, first.kek_id(), &mut OsEntropy).unwrap();
    let FileKeks { current, previous } =
        FileKeks::open_or_create(&path, &sealed, old, &mut OsEntropy).unwrap();
    assert_eq!((current.suite(), previous[0].suite()), (new, old));
    assert_eq!(suite_of(current.kek_id()), new);
    assert_eq!(
        previous[0].unwrap(&wrapped, b"c").await.unwrap(),
        Secret::new([5; 32])
    );
    assert_eq!(
        current.wrap(&Secret::new([5; 32]), b"c").await.unwrap()[2],
        new.byte()
    );

    let shares = FileWrapper::split(&path, &sealed, 2, 3, &mut OsEntropy).unwrap();
    let (_elsewhere, joined) = place();
    let joined = FileWrapper::join(&joined, &sealed, &shares[1..], &mut OsEntropy).unwrap();
    assert_eq!((joined.suite(), joined.kek_id()), (new, current.kek_id()));
}

/// The id says the suite: whoever edits it in the file has another key.
#[test]
fn a_file_whose_id_was_edited_to_another_suite_does_not_open() {
    for protection in [FileKek::Unsealed, FileKek::Key(Secret::new([9; 32]))] {
        let (_directory, path) = place();
        let made = create_of(Suite::Xaes256Gcm, &path, &protection).unwrap();
        let mut edited = made.kek_id().to_owned();
        edited.replace_range(14..15, "4");
        assert_eq!(suite_of(&edited), Suite::XChaCha20Poly1305);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(made.kek_id(), &edited)).unwrap();
        let error = FileWrapper::open(&path, &protection).unwrap_err();
        assert!(
            matches!(error, FileError::DoesNotOpen { .. } | FileError::Damaged { .. }),
            "{error}"
        );
    }
}
