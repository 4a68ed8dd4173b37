//! What every adapter that keeps cosignatures must do.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a contract suite is test code: it panics where the contract is broken"
)]

use vutf_audit::tlog::{
    KeyKind, KeyName, VerifierKey,
    publish::{Cosignatures, KeptCosignature},
};
use vutf_kernel::Timestamp;

fn key(name: &str, number: u8) -> VerifierKey {
    VerifierKey::new(KeyName::parse(name).unwrap(), KeyKind::Cosignature, [number; 32])
}

fn cosignature(size: u64, key: &VerifierKey, time: i64) -> KeptCosignature {
    KeptCosignature {
        size,
        witness: key.name().clone(),
        key_id: key.id(),
        note: format!("log.example.org\n{size}\nroot\n"),
        line: format!("\u{2014} {} {size}\n", key.name()),
        cosigned_at: Timestamp::from_secs(time),
    }
}

/// Runs the whole suite.
pub async fn cosignatures_contract(store: &dyn Cosignatures) {
    let (one, two) = (key("w1.example.org", 1), key("w2.example.org", 2));
    // The same name with a later key.
    let later = key("w1.example.org", 3);
    assert_eq!(store.of_size(5).await.unwrap(), []);
    assert_eq!(store.last_of(&one).await.unwrap(), None);
    assert_eq!(store.newest(10).await.unwrap(), []);
    let largest = u64::try_from(i64::MAX).unwrap();
    let all = [
        cosignature(5, &two, 10),
        cosignature(0, &one, 9),
        cosignature(5, &one, 11),
        cosignature(7, &one, 12),
        cosignature(5, &later, 13),
        cosignature(largest, &two, i64::from(i32::MAX)),
    ];
    for cosignature in &all {
        store.keep(cosignature).await.unwrap();
    }
    // The first one of a key stays.
    store
        .keep(&KeptCosignature {
            line: "another".into(),
            ..all[2].clone()
        })
        .await
        .unwrap();
    let mut of_five = vec![all[0].clone(), all[2].clone(), all[4].clone()];
    of_five.sort_by(|a, b| (&a.witness, a.key_id).cmp(&(&b.witness, b.key_id)));
    assert_eq!(store.of_size(5).await.unwrap(), of_five);
    assert_eq!(store.of_size(6).await.unwrap(), []);
    for (key, last) in [(&one, &all[3]), (&two, &all[5]), (&later, &all[4])] {
        assert_eq!(store.last_of(key).await.unwrap().as_ref(), Some(last), "{key}");
    }
    assert_eq!(store.last_of(&key("w2.example.org", 1)).await.unwrap(), None);
    let expected: Vec<_> = [&all[5], &all[3]]
        .into_iter()
        .chain(&of_five)
        .chain([&all[1]])
        .cloned()
        .collect();
    assert_eq!(store.newest(10).await.unwrap(), expected);
    assert_eq!(store.newest(3).await.unwrap(), expected[..3]);
    let beyond = store.keep(&cosignature(largest + 1, &one, 1)).await;
    let kept = beyond.is_ok().then_some(largest + 1);
    assert_eq!(
        store.last_of(&one).await.unwrap().map(|last| last.size),
        kept.or(Some(7)),
        "kept as it is, or refused"
    );
}
