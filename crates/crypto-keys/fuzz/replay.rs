//! The bounded run of a fuzz target that every test run makes: its corpus, then mutations of it, the same ones each time.

use std::{collections::BTreeMap, path::Path};

/// Runs `body` on every file of `corpus` and on `seeds`, then on `rounds` mutations of them; returns the inputs by name.
pub(crate) fn replay(
    corpus: &Path,
    seeds: Vec<Vec<u8>>,
    rounds: usize,
    body: impl Fn(&[u8]),
) -> BTreeMap<String, Vec<u8>> {
    let mut inputs: BTreeMap<String, Vec<u8>> = std::fs::read_dir(corpus)
        .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    assert!(!inputs.is_empty(), "{} is empty", corpus.display());
    for (number, seed) in seeds.into_iter().enumerate() {
        inputs.insert(format!("made-{number}"), seed);
    }
    for input in inputs.values() {
        body(input);
    }
    let pool: Vec<&Vec<u8>> = inputs.values().collect();
    let mut random = Random(0x5EED);
    for _ in 0..rounds {
        let mut input = pool[random.below(pool.len())].clone();
        for _ in 0..=random.below(3) {
            mutate(&mut random, &pool, &mut input);
        }
        body(&input);
    }
    inputs
}

/// One of what libFuzzer does: flip a bit, set a byte, insert, cut, copy a stretch, splice with another input.
fn mutate(random: &mut Random, pool: &[&Vec<u8>], input: &mut Vec<u8>) {
    let at = random.below(input.len().max(1));
    let interesting = [0x00, 0x01, 0x7F, 0x80, 0xFF];
    match random.below(7) {
        0 | 1 if !input.is_empty() => input[at] ^= 1 << random.below(8),
        2 if !input.is_empty() => input[at] = interesting[random.below(interesting.len())],
        3 => input.insert(at, random.next().to_le_bytes()[0]),
        4 => input.truncate(at),
        5 if !input.is_empty() => {
            let stretch: Vec<u8> = input[at..].iter().copied().take(random.below(40)).collect();
            let to = random.below(input.len());
            input.splice(to..to, stretch);
        }
        _ => {
            let other = pool[random.below(pool.len())];
            let from = random.below(other.len().max(1)).min(other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}

/// xorshift64*: the same mutations in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap();
        usize::try_from(self.next() % bound).unwrap()
    }
}
