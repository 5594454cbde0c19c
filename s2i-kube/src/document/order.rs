//! The order of keys.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

/// The keys that come first, in this order, because they name what the others describe. All others follow in the order
/// of their bytes.
const FIRST: [&str; 10] = [
    "apiVersion",
    "kind",
    "metadata",
    "generateName",
    "name",
    "namespace",
    "type",
    "image",
    "command",
    "args",
];

/// The metadata that only the server sets.
const OF_SERVER: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// A value whose keys are serialised in their order, whatever the order of the map is.
pub(super) struct Ordered<'a>(pub(super) &'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let mut entries: Vec<(&String, &Value)> = map.iter().collect();
                entries.sort_by_key(|(key, _)| (rank(key), *key));
                let mut serialised = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    serialised.serialize_entry(key, &Ordered(value))?;
                }
                serialised.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            scalar => scalar.serialize(serializer),
        }
    }
}

fn rank(key: &str) -> usize {
    let place = FIRST.iter().position(|first| *first == key);
    place.unwrap_or(FIRST.len())
}

/// Returns the object without what only the server sets.
pub(super) fn without_fields_of_server(object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        fields.retain(|key, _| key != "status");
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            remove(metadata);
        }
    }
    object
}

fn remove(metadata: &mut Map<String, Value>) {
    metadata.retain(|key, _| !OF_SERVER.contains(&key.as_str()));
}
