//! Every fuzz target, bounded: its corpus, and mutations of it: 20,000, or 4,000 where each is a file on disk.

use std::path::{Path, PathBuf};

#[path = "../../fuzz/bodies.rs"]
mod bodies;
#[path = "../../../crypto-keys/fuzz/replay.rs"]
mod replay;

fn run(target: &str, rounds: usize, body: fn(&[u8])) {
    let inputs = replay::replay(&corpus(target), bodies::accepted(target), rounds, body);
    for (number, made) in bodies::accepted(target).into_iter().enumerate() {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(corpus(target).join(format!("accepted-{}", number + 1)), made).unwrap();
        } else {
            let kept = inputs.values().filter(|input| **input == made).count();
            assert_eq!(
                kept, 2,
                "{target}: the corpus lacks what is accepted now: UPDATE_GOLDEN=1 writes it"
            );
        }
    }
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

#[test]
fn sealed_file() {
    run("sealed_file", 4_000, bodies::sealed_file);
}

#[test]
fn share() {
    run("share", 20_000, bodies::share);
}
