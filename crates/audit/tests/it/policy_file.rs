//! Policies of verifiers, as text.

use std::fmt::Write as _;

use proptest::prelude::*;
use vutf_audit::tlog::{
    Checkpoint, KeyKind, Note, PolicyFile, PolicyProblem, Trust as _, TrustError, TrustPolicy, VerifierKey,
};

use crate::tlog::{Signer, name};

fn log() -> Signer {
    Signer::new("log.example.org/audit", KeyKind::Note, 1)
}

fn witness(number: u8) -> Signer {
    Signer::new(
        &format!("w{number}.example.org"),
        KeyKind::Cosignature,
        10 + number,
    )
}

/// A checkpoint of the log, cosigned by these.
fn cosigned_by(witnesses: &[u8]) -> String {
    let text = Checkpoint {
        origin: name("log.example.org/audit"),
        size: 7,
        root: [7; 32],
    }
    .text();
    let mut note = Note::new(text.clone(), vec![log().sign(&text)]).unwrap();
    for number in witnesses {
        note.sign(witness(*number).cosign(1_795_255_200, &text));
    }
    note.to_string()
}

/// The example of the specification: two of three X, and one of three Y.
fn two_levels() -> String {
    let witness = |n| format!("witness W{n} {} https://w{n}.example.org/\n", witness(n).key);
    let witnesses = (1..=6).map(witness).collect::<Vec<_>>().concat();
    format!(
        "# who must have seen it\n\nlog {}\n{witnesses}group X 2 W1 W2 W3\n\tgroup Y any W4 W5 W6 \ngroup both all X Y\nquorum both\n",
        log().key
    )
}

#[test]
fn the_quorum_of_groups_is_that_of_the_specification() {
    let policy = PolicyFile::parse(&two_levels()).unwrap();
    assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 6));
    for (witnesses, believed) in [
        (&[][..], false),
        (&[1, 2][..], false),
        (&[1, 4][..], false),
        (&[4, 5, 6][..], false),
        (&[1, 2, 3][..], false),
        (&[1, 2, 4][..], true),
        (&[2, 3, 6][..], true),
        (&[1, 2, 3, 4, 5, 6][..], true),
    ] {
        let verified = policy.verify(&cosigned_by(witnesses));
        match verified {
            Ok(trusted) => assert!(
                believed && trusted.cosigned.len() == witnesses.len(),
                "{witnesses:?}"
            ),
            Err(TrustError::Policy { found }) => {
                assert!(!believed && found == witnesses.len(), "{witnesses:?}");
            }
            Err(error) => panic!("{witnesses:?}: {error}"),
        }
    }
}

#[test]
fn one_witness_none_and_several_logs() {
    let other = Signer::new("other.example.org", KeyKind::Note, 2);
    let keys = format!(
        "log {}\nlog {}\nwitness W1 {}\nwitness W2 {}\n",
        other.key,
        log().key,
        witness(1).key,
        witness(2).key
    );
    let with = |quorum: &str| PolicyFile::parse(&format!("{keys}quorum {quorum}\n")).unwrap();
    assert!(with("none").verify(&cosigned_by(&[])).is_ok());
    assert!(with("W2").verify(&cosigned_by(&[1])).is_err());
    assert!(with("W2").verify(&cosigned_by(&[2])).is_ok());
    let nobody = PolicyFile::parse("quorum none\n").unwrap();
    assert_eq!(nobody.verify(&cosigned_by(&[])), Err(TrustError::NoLog));
    // A wrong cosignature of a witness that is known spoils it.
    let mut note = Note::parse(&cosigned_by(&[2])).unwrap();
    note.sign(witness(1).cosign(5, "another text\n"));
    assert!(with("W2").verify(&note.to_string()).is_err());
}

#[test]
fn what_is_no_policy_is_refused_with_its_line() {
    let (log, w1, w2) = (log().key, witness(1).key, witness(2).key);
    let renamed = VerifierKey::new(name("elsewhere.example.org"), KeyKind::Cosignature, *w1.public());
    let group = |n| format!("group g{n} any W{n}\n");
    let many = (0..65).map(group).collect::<Vec<_>>().concat();
    let key = |text: &str| VerifierKey::parse(text).unwrap_err();
    for (text, line, problem) in [
        (String::new(), 1, PolicyProblem::Quorum),
        (format!("log {log}\n"), 2, PolicyProblem::Quorum),
        ("quorum none\nquorum none\n".to_owned(), 2, PolicyProblem::Quorum),
        ("quorum none".to_owned(), 1, PolicyProblem::Text),
        ("quorum\u{1} none\n".to_owned(), 1, PolicyProblem::Text),
        ("quorum none\r\n".to_owned(), 1, PolicyProblem::Text),
        ("logs\n".to_owned(), 1, PolicyProblem::Form),
        ("group g any\n".to_owned(), 1, PolicyProblem::Form),
        ("quorum a b\n".to_owned(), 1, PolicyProblem::Form),
        ("log x\n".to_owned(), 1, PolicyProblem::Key(key("x"))),
        (format!("log {w1}\n"), 1, PolicyProblem::Kind),
        (format!("witness W {log}\n"), 1, PolicyProblem::Kind),
        (format!("log {log}\n\nlog {log}\n"), 3, PolicyProblem::Duplicate),
        (
            format!("witness A {w1}\nwitness B {renamed}\n"),
            2,
            PolicyProblem::Duplicate,
        ),
        (
            format!("witness A {w1}\nwitness A {w2}\n"),
            2,
            PolicyProblem::Taken,
        ),
        (format!("witness none {w1}\n"), 1, PolicyProblem::Taken),
        ("quorum A\n".to_owned(), 1, PolicyProblem::Unknown),
        (
            format!("group g any A\nwitness A {w1}\n"),
            1,
            PolicyProblem::Unknown,
        ),
        (
            format!("witness A {w1}\ngroup g 2 A A\n"),
            2,
            PolicyProblem::Unknown,
        ),
        (
            format!("witness A {w1}\ngroup g 1 A\ngroup h 1 A\n"),
            3,
            PolicyProblem::Unknown,
        ),
        (
            format!("witness A {w1}\ngroup g 0 A\n"),
            2,
            PolicyProblem::Threshold,
        ),
        (
            format!("witness A {w1}\ngroup g 2 A\n"),
            2,
            PolicyProblem::Threshold,
        ),
        (
            format!("witness A {w1}\ngroup g 01 A\n"),
            2,
            PolicyProblem::Threshold,
        ),
        (many, 1, PolicyProblem::Unknown),
        ("#".repeat(70_000), 1, PolicyProblem::TooLong),
    ] {
        let refused = PolicyFile::parse(&text).unwrap_err();
        assert_eq!((refused.line, refused.problem), (line, problem), "{text}");
    }
}

#[test]
fn a_witness_under_two_names_counts_once() {
    let w1 = witness(1);
    let renamed = Signer::new("elsewhere.example.org", KeyKind::Cosignature, 11);
    assert_eq!(w1.key.public(), renamed.key.public());
    let mut note = Note::parse(&cosigned_by(&[1])).unwrap();
    note.sign(renamed.cosign(1_795_255_200, note.text()));
    let policy = TrustPolicy {
        log: log().key,
        witnesses: vec![w1.key, renamed.key],
        quorum: 2,
    };
    let refused = policy.verify(&note.to_string());
    assert_eq!(refused, Err(TrustError::Quorum { wanted: 2, found: 1 }));
}

/// A witness, or a threshold over what stands in it.
#[derive(Clone, Debug)]
enum Tree {
    Leaf,
    Group(usize, Vec<Tree>),
}

fn trees() -> impl Strategy<Value = Tree> {
    Just(Tree::Leaf).prop_recursive(3, 16, 4, |inner| {
        (0_usize..4, prop::collection::vec(inner, 1..4))
            .prop_map(|(k, members)| Tree::Group(1 + k % members.len(), members))
    })
}

impl Tree {
    /// Writes it, each name once, and returns its name.
    fn write(&self, lines: &mut String, leaves: &mut u8, groups: &mut u8) -> String {
        match self {
            Self::Leaf => {
                *leaves += 1;
                writeln!(lines, "witness W{leaves} {}", witness(*leaves).key).unwrap();
                format!("W{leaves}")
            }
            Self::Group(threshold, members) => {
                let names: Vec<_> = members
                    .iter()
                    .map(|member| member.write(lines, leaves, groups))
                    .collect();
                *groups += 1;
                writeln!(lines, "group g{groups} {threshold} {}", names.join(" ")).unwrap();
                format!("g{groups}")
            }
        }
    }

    fn met(&self, next: &mut u8, cosigned: &[u8]) -> bool {
        match self {
            Self::Leaf => {
                *next += 1;
                cosigned.contains(next)
            }
            Self::Group(threshold, members) => {
                members.iter().filter(|member| member.met(next, cosigned)).count() >= *threshold
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_policy_believes_what_its_tree_says(tree in trees(), chosen in prop::collection::vec(any::<bool>(), 16)) {
        let (mut lines, mut leaves, mut groups) = (format!("log {}\n", log().key), 0, 0);
        let top = tree.write(&mut lines, &mut leaves, &mut groups);
        let policy = PolicyFile::parse(&format!("{lines}quorum {top}\n")).unwrap();
        let cosigned: Vec<u8> = (1..=leaves).filter(|n| chosen[usize::from(*n) % chosen.len()]).collect();
        prop_assert_eq!(policy.verify(&cosigned_by(&cosigned)).is_ok(), tree.met(&mut 0, &cosigned));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}", words in "((log|witness|group|quorum|none|any|all|2|[a-z]{1,2}|#)[ \t\n]){0,20}") {
        let _ = (PolicyFile::parse(&text).is_ok(), PolicyFile::parse(&words).is_ok());
    }
}
