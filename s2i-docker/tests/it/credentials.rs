//! Credentials go to the registry that they are for, in the one call that needs them.

use std::sync::{Arc, Mutex};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{FutureExt as _, future::BoxFuture};
use s2i_build::{
    BuildContext, CredentialProvider, EngineError,
    event::Progress,
    ports::{BoxError, ImageTransfer as _},
    request::PullPolicy,
};
use s2i_core::{ImageRef, Secret, credential::Credential};
use serde_json::Value;

use crate::{
    daemon::{Call, Endpoint, Knobs},
    scene::{Scene, chain},
};

const HEADERS: [&str; 2] = ["x-registry-auth", "x-registry-config"];

/// The credential for one image, and the images that it was asked for.
pub(crate) struct Provider {
    image: ImageRef,
    credential: Result<Credential, String>,
    asked: Mutex<Vec<String>>,
}

impl Provider {
    pub(crate) fn with(image: &str, credential: Credential) -> Arc<Self> {
        Self::answering(image, Ok(credential))
    }

    fn answering(image: &str, credential: Result<Credential, String>) -> Arc<Self> {
        Arc::new(Self {
            image: image.parse().unwrap(),
            credential,
            asked: Mutex::default(),
        })
    }
}

impl CredentialProvider for Provider {
    fn credential<'a>(
        &'a self,
        image: &'a ImageRef,
    ) -> BoxFuture<'a, Result<Option<Credential>, BoxError>> {
        self.asked.lock().unwrap().push(image.to_string());
        let found = match &self.credential {
            Ok(credential) if *image == self.image => Ok(Some(credential.clone())),
            Ok(_) => Ok(None),
            Err(why) => Err(why.clone().into()),
        };
        async { found }.boxed()
    }
}

pub(crate) fn password() -> Credential {
    Credential::Password {
        user: "me".into(),
        password: Secret::new("pass:word".into()),
    }
}

/// Pulls an image with these credentials and returns what the registry header held.
async fn sent_for(image: &str, provider: Arc<Provider>) -> Option<Value> {
    let mut scene = Scene::new(Knobs::default()).with_credentials(provider);
    scene.image = image.to_owned();
    let (committed, cleaned) = scene.build().await;
    cleaned.unwrap();
    committed.unwrap();
    scene.daemon.check();
    let calls = scene.daemon.model().calls.clone();
    let has_some = |call: &&Call| HEADERS.iter().any(|name| call.headers.contains_key(*name));
    let with: Vec<_> = calls.iter().filter(has_some).collect();
    assert!(
        with.iter().all(|call| call.path == "/images/create"),
        "{with:?}"
    );
    let header = with.first()?.headers.get(HEADERS[0])?;
    Some(serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap())
}

#[tokio::test]
async fn registry_gets_user_and_password() {
    let image = "registry.test:5000/team/go:1";
    let provider = Provider::with(image, password());
    let sent = sent_for(image, Arc::clone(&provider)).await.unwrap();
    assert_eq!(sent["username"], "me");
    assert_eq!(sent["password"], "pass:word");
    assert_eq!(sent["serveraddress"], "registry.test:5000");
    assert_eq!(*provider.asked.lock().unwrap(), [image]);
    assert_eq!(
        sent_for("registry.test:5001/team/go:1", provider).await,
        None
    );
}

#[tokio::test]
async fn default_registry_has_the_address_of_its_first_version() {
    let bare: ImageRef = "image".parse().unwrap();
    let full = bare.normalised();
    let host = full.split('/').next().unwrap();
    for image in [
        "go".to_owned(),
        "s2i/go".to_owned(),
        format!("{host}/s2i/go"),
    ] {
        let sent = sent_for(&image, Provider::with(&image, password())).await;
        let expected = format!("https://index.{host}/v1/");
        assert_eq!(sent.unwrap()["serveraddress"], expected, "{image}");
    }
}

#[tokio::test]
async fn identity_token_replaces_the_password() {
    let image = "registry.test/go";
    let provider = Provider::with(image, Credential::Identity(Secret::new("long".into())));
    let sent = sent_for(image, provider).await.unwrap();
    assert_eq!(sent["identitytoken"], "long");
    assert_eq!(sent["password"], Value::Null);
}

#[tokio::test]
async fn local_image_needs_no_credentials() {
    let provider = Provider::answering("s2i/go", Err("it was asked".into()));
    let scene = Scene::new(Knobs::default()).with_credentials(Arc::clone(&provider) as _);
    scene.daemon.model().images.insert(scene.image.clone());
    scene.resolve(PullPolicy::IfNotPresent).await.unwrap();
    assert_eq!(scene.daemon.count(Endpoint::Pull), 0);
    assert!(provider.asked.lock().unwrap().is_empty());
}

/// Most images that builds pull are public.
#[tokio::test]
async fn unreadable_credentials_are_a_warning_for_a_pull() {
    let image = "registry.test/go";
    let provider = || Provider::answering(image, Err("the helper is not installed".into()));
    assert_eq!(sent_for(image, provider()).await, None);
    let mut scene = Scene::new(Knobs::default()).with_credentials(provider());
    scene.image = image.to_owned();
    scene.resolve(PullPolicy::IfNotPresent).await.unwrap();
    assert_eq!(
        scene.recorder.warnings(),
        "registry.test/go: it is asked for without a login: the helper is not installed"
    );
}

#[tokio::test]
async fn unreadable_credentials_fail_a_push() {
    let provider = Provider::answering("s2i/go", Err("the helper is not installed".into()));
    let scene = Scene::new(Knobs::default()).with_credentials(provider);
    scene.daemon.model().images.insert(scene.image.clone());
    let image = scene.image.parse().unwrap();
    let progress = Progress::new(&scene.recorder);
    let pushed = scene
        .engine
        .push(&image, BuildContext::new(&progress, &scene.cancel))
        .await;
    let err = pushed.unwrap_err();
    assert!(matches!(err, EngineError::Failed { .. }), "{err:?}");
    assert!(chain(&err).ends_with(": the helper is not installed"));
    assert_eq!(scene.daemon.count(Endpoint::Push), 0);
}
