//! Shares as custodians meet them: as text, and as files.

use proptest::prelude::*;
use vutf_kernel::{OsEntropy, Secret};
use vutf_kms::{
    Share, ShareError,
    shamir::{ShareReader, join, split},
};

const KEK: &str = "5e3f0d6c-5d0a-4a5e-9a51-0123456789ab";

fn shares(threshold: u8, of: u8) -> Vec<Share> {
    split(KEK, &Secret::new([0xC7; 32]), threshold, of, &mut OsEntropy).unwrap()
}

/// The four lines, without the heading.
fn lines(share: &Share) -> Vec<String> {
    let text = share.to_text();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_share_is_read_back_from_its_text() {
    let made = shares(3, 5);
    let read: Vec<Share> = made[1..4]
        .iter()
        .map(|share| Share::parse(&share.to_text()).unwrap())
        .collect();
    let joined = join(&read).unwrap();
    assert_eq!(
        (joined.kek_id.as_str(), joined.key),
        (KEK, Secret::new([0xC7; 32]))
    );
    let share = &read[0];
    assert_eq!((share.index(), share.shares(), share.threshold()), (2, 5, 3));
    assert_eq!((share.kek_id().as_str(), share.set_id().len()), (KEK, 16));
    assert_eq!(share.set_id(), made[4].set_id());

    let all: String = made.iter().map(|share| share.to_text().to_string()).collect();
    assert_eq!(Share::parse_all(&all).unwrap().len(), 5);
    assert!(matches!(Share::parse(&all), Err(ShareError::Text(_))));
}

#[test]
fn the_text_is_for_paper() {
    let text = shares(2, 3)[0].to_text();
    assert!(text.starts_with("# Share 1 of 3 "), "{}", &text[..20]);
    for (number, line) in (1..).zip(text.lines().skip(2)) {
        assert_eq!(line.len(), "1: 12345678 12345678 12345678 12345678 AB".len());
        assert!(line.starts_with(&format!("{number}: ")));
        assert!(!line.contains(['I', 'L', 'O', 'U']), "read for one another");
    }
    assert_eq!(text.lines().count(), 6);
}

#[test]
fn what_looks_alike_is_read_as_it_was_meant() {
    let share = &shares(2, 2)[0];
    let sloppy: Vec<String> = lines(share)
        .iter()
        .map(|line| {
            let (number, rest) = line.split_once(':').unwrap();
            let rest = rest
                .to_lowercase()
                .replace('0', "o")
                .replace('1', "l")
                .replace(' ', "-");
            format!("\r\n  {number}:{rest}\t")
        })
        .collect();
    let read = Share::parse(&sloppy.concat()).unwrap();
    assert_eq!(*read.to_text(), *share.to_text());
    let bare = lines(share).join("\n").replace(": ", "");
    assert!(
        Share::parse(&bare).is_err(),
        "a number without its colon is a character"
    );
}

#[test]
fn a_misread_line_is_told_at_once_and_can_be_read_again() {
    let share = &shares(2, 2)[0];
    let lines = lines(share);
    let mut reader = ShareReader::default();
    assert!(reader.line(&lines[0]).unwrap().is_none());
    let swapped = format!(
        "{}{}",
        &lines[1][..3],
        lines[1][3..].replace(' ', "").chars().rev().collect::<String>()
    );
    assert_eq!(reader.line(&swapped).unwrap_err(), ShareError::Line(2));
    assert_eq!(reader.next_line(), 2);
    assert!(
        matches!(reader.line(&lines[2]), Err(ShareError::Text(_))),
        "out of order"
    );
    assert!(reader.line("# a remark").unwrap().is_none());
    assert!(reader.line(&lines[1]).unwrap().is_none());
    assert!(reader.line(&lines[2]).unwrap().is_none());
    assert!(reader.line(&lines[3]).unwrap().is_some());
    assert_eq!(reader.next_line(), 1);
}

#[test]
fn every_single_wrong_character_is_found_in_its_line() {
    let share = &shares(2, 2)[0];
    let lines = lines(share);
    let (mut tried, mut late) = (0, 0);
    for (at, line) in lines.iter().enumerate() {
        for (place, right) in line.char_indices().skip(3).filter(|(_, c)| *c != ' ') {
            for wrong in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().filter(|c| *c != right) {
                let mut changed = lines.clone();
                changed[at].replace_range(place..=place, &wrong.to_string());
                tried += 1;
                match Share::parse(&changed.join("\n")).unwrap_err() {
                    ShareError::Line(named) => assert_eq!(usize::from(named), at + 1),
                    // One in 1024 passes its line and is found by the whole.
                    ShareError::Checksum => late += 1,
                    other => panic!("{other}"),
                }
            }
        }
    }
    assert_eq!(tried, 4 * 34 * 31);
    assert!(late < 40, "{late} of {tried}");
}

#[test]
fn lines_of_two_shares_make_none() {
    let made = shares(2, 2);
    let (one, two) = (lines(&made[0]), lines(&made[1]));
    let mixed = [&one[0], &one[1], &two[2], &one[3]]
        .map(String::as_str)
        .join("\n");
    assert_eq!(Share::parse(&mixed).unwrap_err(), ShareError::Checksum);
    assert!(matches!(
        Share::parse(&one[..3].join("\n")),
        Err(ShareError::Text(_))
    ));
    assert!(matches!(Share::parse(""), Err(ShareError::Text(_))));
}

#[test]
fn too_few_foreign_and_repeated_shares_are_refused_with_the_reason() {
    let (made, other) = (shares(3, 5), shares(3, 5));
    let refused = |given: &[&Share]| {
        let given: Vec<Share> = given.iter().map(|share| (*share).clone()).collect();
        join(&given).unwrap_err()
    };
    assert!(matches!(refused(&[]), ShareError::TooFew { given: 0, .. }));
    assert_eq!(
        refused(&[&made[0], &made[1]]),
        ShareError::TooFew {
            given: 2,
            threshold: 3
        }
    );
    assert_eq!(refused(&[&made[0], &made[1], &made[0]]), ShareError::Twice(1));
    let foreign = refused(&[&made[0], &made[1], &other[2]]);
    let (set, first) = (other[0].set_id(), made[0].set_id());
    assert_eq!(foreign, ShareError::Foreign { index: 3, set, first });
}

#[test]
fn only_sensible_terms_and_keys_of_this_program_are_split() {
    for (threshold, of) in [(0, 0), (1, 1), (1, 5), (6, 5), (2, 17), (17, 17), (0, 5)] {
        let error = split(KEK, &Secret::new([1; 32]), threshold, of, &mut OsEntropy).unwrap_err();
        assert!(matches!(error, ShareError::Terms { .. }), "{threshold} of {of}");
    }
    for kek_id in ["configured", "5E3F0D6C-5D0A-4A5E-9A51-0123456789AB", ""] {
        let error = split(kek_id, &Secret::new([1; 32]), 2, 3, &mut OsEntropy).unwrap_err();
        assert!(matches!(error, ShareError::KekId(_)), "{kek_id}");
    }
}

#[test]
fn nothing_of_a_share_is_printed_by_accident() {
    let made = shares(2, 2);
    let shown = format!("{made:?} {:?}", join(&made).unwrap());
    for line in made.iter().flat_map(lines) {
        for group in line.split(' ').filter(|group| group.len() == 8) {
            assert!(!shown.contains(group), "{shown}");
        }
    }
    assert!(
        shown.contains("redacted") && !shown.contains("199, 199"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[0-9A-Za-z:#\\- \n]{0,400}", any in "\\PC{0,200}") {
        let _ = Share::parse_all(&text);
        let _ = Share::parse_all(&any);
    }
}
