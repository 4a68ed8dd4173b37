//! Every fuzz target, bounded: its corpus and 20,000 mutations of it. `cargo xtask fuzz` goes on from there.

use std::path::{Path, PathBuf};

#[path = "../../fuzz/bodies.rs"]
mod bodies;
#[path = "../../fuzz/replay.rs"]
mod replay;

const ROUNDS: usize = 20_000;

fn run(target: &str, body: fn(&[u8])) {
    let inputs = replay::replay(&corpus(target), bodies::accepted(target), ROUNDS, body);
    for (number, made) in bodies::accepted(target).into_iter().enumerate() {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(corpus(target).join(format!("suite-{}", number + 1)), made).unwrap();
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
fn field_ciphertext() {
    run("field_ciphertext", bodies::field_ciphertext);
}

#[test]
fn wrapped_key() {
    run("wrapped_key", bodies::wrapped_key);
}

#[test]
fn wraps() {
    run("wraps", bodies::wraps);
}

#[test]
fn texts() {
    run("texts", bodies::texts);
}

#[test]
fn a_body_that_accepts_a_forgery_is_found() {
    let target = "field_ciphertext";
    let forgiving = |input: &[u8]| {
        let real = &bodies::accepted(target)[0];
        // Believes the last byte of the tag.
        assert!(
            input.split_last().map(|(_, rest)| rest) != real.split_last().map(|(_, rest)| rest)
                || input == real
        );
    };
    let found = std::panic::catch_unwind(|| {
        replay::replay(&corpus(target), bodies::accepted(target), ROUNDS, forgiving)
    });
    assert!(found.is_err());
}
