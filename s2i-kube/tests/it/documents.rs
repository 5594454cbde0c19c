//! Objects as text.

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;
use s2i_core::ErrorChain;
use s2i_kube::document::{Format, ReadError, read, write};
use serde_json::{Value, json};

fn error(text: &str) -> String {
    ErrorChain(&read(text).unwrap_err()).to_string()
}

#[test]
fn each_object_is_a_document_with_its_keys_in_order() {
    let objects = [
        json!({"spec": {"b": 1, "a": [{"image": "x", "name": "c"}, {}]}, "kind": "B", "metadata": {"name": "b"}, "apiVersion": "v1"}),
        json!({"data": {"k": "line 1\nline 2\n"}, "kind": "A", "apiVersion": "v1"}),
    ];
    assert_snapshot!(write(&objects, Format::Yaml), @r#"
    apiVersion: v1
    kind: B
    metadata:
      name: b
    spec:
      a:
      - name: c
        image: x
      - {}
      b: 1
    ---
    apiVersion: v1
    kind: A
    data:
      k: |
        line 1
        line 2
    "#);
}

#[test]
fn several_objects_are_a_list_in_json() {
    let one = json!({"kind": "A", "apiVersion": "v1"});
    assert_eq!(
        write(std::slice::from_ref(&one), Format::Json),
        "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"A\"\n}\n"
    );
    let list: Value = serde_json::from_str(&write(&[one.clone(), one], Format::Json)).unwrap();
    assert_eq!(list["kind"], "List");
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(write(&[], Format::Json), "");
    assert_eq!(write(&[], Format::Yaml), "");
}

#[test]
fn fields_of_the_server_are_not_written() {
    let object = json!({
        "kind": "A",
        "metadata": {"name": "a", "uid": "1", "resourceVersion": "2", "managedFields": [], "creationTimestamp": null},
        "status": {"phase": "Running"},
        "spec": {"status": "kept"},
    });
    assert_eq!(
        write(&[object], Format::Yaml),
        "kind: A\nmetadata:\n  name: a\nspec:\n  status: kept\n"
    );
}

/// Texts that a reader of YAML 1.1 takes for something else if they have no quotes.
const AMBIGUOUS: [&str; 44] = [
    "",
    "y",
    "Y",
    "n",
    "N",
    "yes",
    "No",
    "on",
    "OFF",
    "true",
    "False",
    "null",
    "Null",
    "~",
    "1.10",
    "0777",
    "0o7",
    "0x1F",
    "0b11",
    "1_000",
    "+1",
    "-0",
    "1e3",
    ".5",
    "5.",
    ".inf",
    "-.INF",
    ".NaN",
    "12:30:45",
    "190:20",
    "2001-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "=",
    "<<",
    " a",
    "a ",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "*a",
    "&a",
    "!a",
    "%a",
];

#[test]
fn ambiguous_texts_are_in_quotes() {
    for text in AMBIGUOUS {
        let written = write(&[json!({"k": text})], Format::Yaml);
        let value = written.strip_prefix("k: ").unwrap();
        assert!(value.starts_with(['"', '\'']), "{text}: {written}");
        assert_eq!(read(&written).unwrap(), [json!({"k": text})]);
        let key = write(&[json!({text: 1})], Format::Yaml);
        assert!(key.starts_with(['"', '\'']), "{text}: {key}");
    }
}

#[test]
fn long_line_stays_one_line() {
    let text = "word ".repeat(60).trim_end().to_owned();
    let written = write(&[json!({"k": text})], Format::Yaml);
    assert_eq!(written.lines().count(), 1);
}

proptest! {
    #[test]
    fn every_text_survives(text in any::<String>(), key in "[a-z./-]{1,9}") {
        let object = json!({"kind": "A", "spec": [{key: text}]});
        for format in [Format::Yaml, Format::Json] {
            let written = write(std::slice::from_ref(&object), format);
            prop_assert_eq!(&read(&written).unwrap(), std::slice::from_ref(&object));
        }
    }
}

#[test]
fn documents_and_items_of_lists_are_read() {
    let text = "---\nkind: A\n---\n# empty\n---\nkind: List\nitems: [{kind: B}, {kind: C}]\n...\n";
    let kinds: Vec<Value> = read(text).unwrap();
    let kinds: Vec<&str> = kinds
        .iter()
        .filter_map(|object| object["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["A", "B", "C"]);
    assert_eq!(read(r#"{"kind": "A"}"#).unwrap(), [json!({"kind": "A"})]);
}

#[test]
fn scalars_are_read_as_the_api_reads_them() {
    let object = &read("{a: y, b: no, c: 'y', d: 1.10, e: ~, f: text}").unwrap()[0];
    assert_eq!(
        *object,
        json!({"a": true, "b": false, "c": "y", "d": 1.1, "e": null, "f": "text"})
    );
}

#[test]
fn anchors_are_read() {
    let object = &read("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n").unwrap()[0];
    assert_eq!(
        *object,
        json!({"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}})
    );
}

#[test]
fn input_beyond_the_bounds_is_refused() {
    assert!(matches!(
        read(&" ".repeat((4 << 20) + 1)),
        Err(ReadError::TooLong(_))
    ));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(error(&deep).contains("depth"), "{}", error(&deep));
    let wide = format!("[{}]", "1,".repeat(300_000));
    assert!(read(&wide).is_err());
    let many = "---\na: 1\n".repeat(1001);
    assert!(read(&many).is_err());
}

#[test]
fn bomb_of_aliases_is_refused() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let last = format!("*a{},", level - 1).repeat(10);
        let _ = writeln!(bomb, "a{level}: &a{level} [{last}]");
    }
    assert!(read(&bomb).is_err());
}

#[test]
fn a_key_twice_is_refused() {
    assert!(read("a: 1\na: 2\n").is_err());
}
