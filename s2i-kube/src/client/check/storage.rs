//! The storage class of a cache.

use k8s_openapi::api::storage::v1::StorageClass;
use kube::{Api, ResourceExt, api::ListParams};

use super::Finding;
use crate::client::{
    cluster::{Cluster, answer},
    error::Operation,
};

/// The annotation of the class that claims without one get.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

const SUBJECT: &str = "storage class";

/// The most classes that are read.
const MOST: u32 = 200;

pub(super) async fn check(cluster: &Cluster, wanted: Option<&str>) -> Finding {
    let operation = Operation {
        verb: "list",
        resource: "storageclasses.storage.k8s.io".into(),
        name: None,
        namespace: String::new(),
    };
    let classes: Api<StorageClass> = Api::all(cluster.client.clone());
    match answer(&operation, classes.list(&ListParams::default().limit(MOST))).await {
        Ok(classes) => finding(&classes.items, wanted),
        Err(error) => Finding::unknown(SUBJECT, error.to_string()),
    }
}

fn finding(classes: &[StorageClass], wanted: Option<&str>) -> Finding {
    let is_default = |class: &&StorageClass| {
        class
            .annotations()
            .get(DEFAULT)
            .is_some_and(|value| value == "true")
    };
    let found = match wanted {
        Some(name) => classes.iter().find(|class| class.name_any() == name),
        None => classes.iter().find(is_default),
    };
    let names: Vec<_> = classes.iter().map(ResourceExt::name_any).collect();
    let names = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    match (found, wanted) {
        (Some(class), _) => Finding::fine(
            SUBJECT,
            format!("`{}` by {}", class.name_any(), class.provisioner),
        ),
        (None, Some(name)) => Finding::problem(
            SUBJECT,
            format!("there is no class `{name}`"),
            format!("name one of these: {names}"),
        ),
        (None, None) => Finding::problem(
            SUBJECT,
            "the cluster has no default class, so a claim for a cache stays without storage",
            format!("name a class with `--storage-class`, of these: {names}"),
        ),
    }
}
