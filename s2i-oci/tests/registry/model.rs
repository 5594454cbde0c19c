//! A model of a registry that keeps to the protocol of pushes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use s2i_oci::Digest;

use crate::server::{Reply, Request, Server};

/// The content of a model of a registry: blobs by `repository@digest`, manifests by path.
#[derive(Clone, Default)]
pub(crate) struct Model(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Model {
    pub(crate) fn with(self, repository: &str, blob: &[u8]) -> Self {
        let name = format!("{repository}@{}", Digest::of(blob));
        self.0.lock().unwrap().insert(name, blob.to_vec());
        self
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap().contains_key(name)
    }

    /// The answer of a registry that keeps to the protocol.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let query = query.replace("%3A", ":").replace("%2F", "/");
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        let last = path.rsplit('/').next().unwrap();
        match request.method.as_str() {
            "HEAD" if self.has(&format!("team/app@{last}")) => Reply::new(200),
            "HEAD" => Reply::new(404),
            "POST" => {
                let (from, digest) = (parameter("from"), parameter("mount"));
                let (from, digest) = (from.unwrap_or_default(), digest.unwrap_or_default());
                if self.has(&format!("{from}@{digest}")) {
                    return Reply::new(201).header("Location", "/somewhere");
                }
                let session = format!("/v2/team/app/blobs/uploads/1?state=a%2Bb&for={from}");
                Reply::new(202).header("Location", &session)
            }
            "PUT" if path.contains("/manifests/") => {
                let digest = Digest::of(&request.body);
                let mut store = self.0.lock().unwrap();
                store.insert(path.into(), request.body.clone());
                Reply::new(201).header("Docker-Content-Digest", &digest)
            }
            "PUT" if parameter("digest") == Some(Digest::of(&request.body).to_string()) => {
                assert!(query.starts_with("state=a%2Bb&"), "{query}");
                self.clone().with("team/app", &request.body);
                Reply::new(201)
            }
            "DELETE" => Reply::new(204),
            _ => Reply::new(400),
        }
    }

    pub(crate) fn serve(&self) -> Server {
        let store = self.clone();
        Server::start(move |request| store.answer(request))
    }
}
