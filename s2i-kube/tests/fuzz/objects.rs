//! Objects as text.

use s2i_kube::{
    document::{Format, read, write},
    kubesphere::template_builders,
    lint::lint,
};
use serde_json::Value;

/// Objects are the same after they were written and read again, in both formats; and the linter and the reader of templates take
/// all of them.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let Ok(objects) = read(text) else {
        return;
    };
    let _ = lint(&objects);
    let _ = template_builders(&objects);
    let objects: Vec<Value> = objects.into_iter().filter(stays).collect();
    for format in [Format::Yaml, Format::Json] {
        let written = write(&objects, format);
        match read(&written) {
            Ok(again) => assert_eq!(again, objects, "{written}"),
            // Without anchors, the text may be longer than the bound.
            Err(err) => assert!(written.len() > (1 << 20), "{err}\n{written}"),
        }
    }
}

/// Returns whether an object is written as it is: not a List, whose items are read, and without what only the server
/// sets.
fn stays(object: &Value) -> bool {
    let is_list = object["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    object.is_object() && !is_list && object["status"].is_null() && !object["metadata"].is_object()
}
