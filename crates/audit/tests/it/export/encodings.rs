//! What was encoded can be decoded again: escaping, framing, and the chain in every format.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use vutf_audit::{
    Body,
    export::{Exported, Format, Source, frame, otlp_request, unframe},
};
use vutf_kernel::{Detail, Outcome};

use super::{body, exported, follow::tombstone, hex, source};

/// A reader of CEF: header fields, and the extension.
fn read_cef(line: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut chars = line.chars();
    while fields.len() < 7 {
        match chars.next().expect("a header has seven fields") {
            '\\' => field.push(chars.next().unwrap()),
            '|' => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    (fields, read_extension(chars.as_str()))
}

/// A key is what stands before an `=` that is not escaped, back to the space before it.
fn read_extension(text: &str) -> BTreeMap<String, String> {
    let (mut found, mut key, mut value) = (BTreeMap::new(), String::new(), String::new());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => value.push(match chars.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                other => other,
            }),
            '=' => {
                let (before, next) = match value.rsplit_once(' ') {
                    Some((before, next)) => (before.to_owned(), next.to_owned()),
                    None => (String::new(), value.clone()),
                };
                let known = std::mem::replace(&mut key, next);
                if !known.is_empty() {
                    found.insert(known, before);
                }
                value.clear();
            }
            other => value.push(other),
        }
    }
    found.insert(key, value);
    found
}

/// A reader of RFC 5424: header, parameters of the structured data, text.
fn read_syslog(message: &str) -> (Vec<String>, BTreeMap<String, String>, String) {
    let mut parts = message.splitn(7, ' ');
    let header = parts.by_ref().take(6).map(str::to_owned).collect();
    let (id, mut rest) = parts.next().unwrap().split_once(' ').unwrap();
    assert_eq!(id, "[vutf@32473");
    let mut parameters = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        let (mut value, mut chars) = (String::new(), after.chars());
        loop {
            match chars.next().unwrap() {
                '\\' => value.push(chars.next().unwrap()),
                '"' => break,
                ']' => panic!("a bracket ends the element"),
                other => value.push(other),
            }
        }
        parameters.insert(name.to_owned(), value);
        match chars.next().unwrap() {
            ' ' => rest = chars.as_str(),
            ']' => {
                rest = chars.as_str();
                break;
            }
            other => panic!("{other:?} after a parameter"),
        }
    }
    let text = rest.strip_prefix(' ').unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (header, parameters, text.to_owned())
}

fn chain_of(record: &Exported) -> [String; 4] {
    [
        record.seq.to_string(),
        hex(&record.previous),
        hex(&record.leaf_hash),
        hex(&record.chain),
    ]
}

/// Sequence number, previous hash, leaf hash and chain hash, as a receiver reads them.
fn chain_in(format: Format, line: &str) -> [String; 4] {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let of = |vutf: &Value| {
        [
            vutf["seq"].to_string(),
            vutf["previous"].as_str().unwrap().to_owned(),
            vutf["leaf_hash"].as_str().unwrap().to_owned(),
            vutf["chain"].as_str().unwrap().to_owned(),
        ]
    };
    match format {
        Format::Ocsf => of(&json(line)["unmapped"]["vutf"]),
        Format::Ecs => of(&json(line)["vutf"]),
        Format::Cef => {
            let (_, extension) = read_cef(line);
            ["cn1", "cs1", "cs2", "cs3"].map(|key| extension[key].clone())
        }
        Format::Syslog => {
            let (_, parameters, _) = read_syslog(line);
            ["seq", "prev", "leaf", "chain"].map(|key| parameters[key].clone())
        }
        Format::Jsonl => {
            let value = json(line);
            let member = |name: &str| value[name].as_str().unwrap().to_owned();
            let bytes = |text: String| -> [u8; 32] {
                let byte = |at: usize| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap();
                std::array::from_fn(byte)
            };
            let (previous, leaf) = (member("previous"), member("leaf_hash"));
            let chain = vutf_audit::chain_after(&bytes(previous.clone()), &bytes(leaf.clone()));
            [value["seq"].to_string(), previous, leaf, hex(&chain)]
        }
    }
}

#[test]
fn number_and_chain_stand_in_every_record_of_every_format() {
    for record in [exported(body("user.lock")), tombstone()] {
        for format in Format::ALL {
            let line = format.line(&record, &source());
            assert!(!line.contains('\n'), "{format}");
            assert_eq!(chain_in(format, &line), chain_of(&record), "{format}: {line}");
            let message = format.syslog(&record, &source());
            assert_eq!(chain_in(Format::Syslog, &message), chain_of(&record), "{format}");
        }
        let request = otlp_request(std::slice::from_ref(&record), &source());
        let log = &request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        let attributes: BTreeMap<&str, &Value> = log["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair["key"].as_str().unwrap(), &pair["value"]))
            .collect();
        let [seq, previous, leaf_hash, chain] = chain_of(&record);
        assert_eq!(attributes["vutf.seq"]["intValue"], seq);
        assert_eq!(attributes["vutf.previous"]["stringValue"], previous);
        assert_eq!(attributes["vutf.leaf_hash"]["stringValue"], leaf_hash);
        assert_eq!(attributes["vutf.chain"]["stringValue"], chain);
        let inner: Value = serde_json::from_str(log["body"]["stringValue"].as_str().unwrap()).unwrap();
        assert_eq!(inner["metadata"]["sequence"], record.seq);
        assert!(log["timeUnixNano"].is_string());
    }
}

#[test]
fn ecs_uses_words_that_the_schema_allows() {
    let categories = [
        "api",
        "authentication",
        "configuration",
        "database",
        "iam",
        "intrusion_detection",
        "session",
    ];
    let types = [
        "access", "admin", "change", "creation", "deletion", "end", "group", "info", "start", "user",
    ];
    for action in super::actions::all() {
        for outcome in [Outcome::Success, Outcome::refused("locked")] {
            let record = exported(Body {
                outcome,
                ..body(&action)
            });
            let said: Value = serde_json::from_str(&Format::Ecs.line(&record, &source())).unwrap();
            let words = |name: &str| said["event"][name].as_array().unwrap().clone();
            assert!(
                words("category")
                    .iter()
                    .all(|word| categories.contains(&word.as_str().unwrap()))
            );
            assert!(
                words("type")
                    .iter()
                    .all(|word| types.contains(&word.as_str().unwrap()))
            );
            assert!(["success", "failure"].contains(&said["event"]["outcome"].as_str().unwrap()));
            assert_eq!(said["event"]["sequence"], 41);
            assert_eq!(said["ecs"]["version"], "8.17.0");
        }
    }
}

#[test]
fn the_priority_is_that_of_the_log_audit_facility() {
    let message = Format::Ocsf.syslog(&exported(body("user.lock")), &source());
    let (header, parameters, text) = read_syslog(&message);
    // 13 * 8 + 5: log audit, notice.
    assert_eq!(header[0], "<109>1");
    assert_eq!(header[2..], ["one.example", "violentutf-api", "-", "user.lock"]);
    assert_eq!(header[1], body("user.lock").occurred_at.rfc3339());
    assert!(header[1].ends_with('Z') && header[1].len() <= 27, "{}", header[1]);
    assert_eq!(parameters["event"], body("user.lock").id.to_string());
    assert_eq!(text, Format::Ocsf.line(&exported(body("user.lock")), &source()));
}

#[test]
fn a_text_that_is_not_ascii_begins_with_a_byte_order_mark() {
    let mut wide = body("user.lock");
    wide.details
        .insert("word".into(), Detail::Text("\u{fc}ber".into()));
    let message = Format::Ocsf.syslog(&exported(wide), &source());
    assert!(message.contains("] \u{feff}{"));
    assert!(
        !Format::Ocsf
            .syslog(&exported(body("user.lock")), &source())
            .contains('\u{feff}')
    );
}

proptest! {
    #[test]
    fn cef_gives_back_what_was_put_in(
        action in any::<String>(),
        request in any::<String>(),
        reason in any::<String>(),
        version in any::<String>(),
        detail in any::<String>(),
    ) {
        let mut given = Body { outcome: Outcome::Failed { reason: reason.clone().into() }, ..body(&action) };
        given.request_id.clone_from(&request);
        given.details.insert("word".into(), Detail::Text(detail.clone()));
        let from = Source { version: version.clone(), ..source() };
        let line = Format::Cef.line(&exported(given.clone()), &from);
        prop_assert!(!line.contains(['\n', '\r']));
        let (header, extension) = read_cef(&line);
        let in_header = |text: &str| text.replace(['\n', '\r'], " ");
        prop_assert_eq!(&header[0], "CEF:0");
        prop_assert_eq!(&header[3], &in_header(&version));
        prop_assert_eq!(&header[4], &in_header(&action));
        prop_assert_eq!(&extension["act"], &action);
        prop_assert_eq!(&extension["cs4"], &request);
        prop_assert_eq!(&extension["reason"], &reason);
        let details: BTreeMap<String, Detail> = serde_json::from_str(&extension["cs6"]).unwrap();
        prop_assert_eq!(details, given.details);
    }

    #[test]
    fn syslog_and_its_frames_give_back_what_was_put_in(
        actions in proptest::collection::vec(any::<String>(), 1..5),
        host in any::<String>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let from = Source { host, ..source() };
        let messages: Vec<String> = actions
            .iter()
            .map(|action| Format::Jsonl.syslog(&exported(body(action)), &from))
            .collect();
        let stream: String = messages.iter().map(|message| frame(message)).collect();
        let mut rest = stream.as_bytes();
        for message in &messages {
            let (read, taken) = unframe(rest).unwrap().unwrap();
            prop_assert_eq!(read, message.as_bytes());
            rest = &rest[taken..];
        }
        prop_assert!(rest.is_empty());
        for (message, action) in messages.iter().zip(&actions) {
            let (header, parameters, text) = read_syslog(message);
            prop_assert_eq!(header.len(), 6);
            prop_assert!(header[5].len() <= 32 && header[2].len() <= 255);
            prop_assert_eq!(&parameters["seq"], "41");
            let value: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(value["body"]["action"].as_str().unwrap(), action);
        }
        // However the stream is cut, what is there is whole messages and a rest that is waited for.
        let mut rest = &stream.as_bytes()[..cut.index(stream.len())];
        let mut whole = messages.iter();
        while let Some((read, taken)) = unframe(rest).unwrap() {
            prop_assert_eq!(read, whole.next().unwrap().as_bytes());
            rest = &rest[taken..];
        }
        prop_assert!(whole.next().is_some());
    }

    #[test]
    fn bytes_that_are_no_frame_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Some((message, taken))) = unframe(&bytes) {
            prop_assert!(message.len() < taken && taken <= bytes.len());
        }
    }
}
