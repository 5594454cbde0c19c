//! A real registry: with users, with a certificate of its own.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use s2i_core::ImageRef;
use s2i_oci::{
    Digest,
    credentials::CredentialStore,
    registry::{Insecure, Options, Registry, RegistryError},
};

use crate::{
    image::{Image, amd64, chain, options},
    redirects::store,
};

/// A user `me` with the password `correct horse`, as `htpasswd -B` writes it.
const USERS: &str = "me:$2b$04$iTftwzxHwUymuNHLJGDuU.uzO7TNtZmIHkEw9F5woLULiIZz.2eCq\n";

/// A registry, until it is dropped.
struct Real {
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Real {
    /// Starts a registry with these settings besides its address, or prints that there is none.
    fn start(more: impl FnOnce(&Path) -> String) -> Option<Self> {
        let program = Path::new("/usr/bin/docker-registry");
        if !program.exists() {
            eprintln!("\n!!! SKIPPED: `docker-registry` is not installed\n");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {:?}\nhttp:\n  addr: 127.0.0.1:{port}\n{}",
            dir.path().join("data"),
            more(dir.path())
        );
        let config = dir.path().join("registry.yml");
        std::fs::write(&config, settings).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new(program)
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let real = Self { dir, port, child };
        real.wait();
        Some(real)
    }

    fn wait(&self) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.dir.path().join("log"));
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn named(&self, rest: &str) -> ImageRef {
        format!("127.0.0.1:{}/{rest}", self.port).parse().unwrap()
    }

    /// The credentials of this user.
    fn store(&self, user: &str, password: &str) -> CredentialStore {
        let dir = self.dir.path().join(format!("{user}-{password}"));
        std::fs::create_dir_all(&dir).unwrap();
        let key = format!("http://127.0.0.1:{}/v2/", self.port);
        let config = serde_json::json!({"auths": {key: {"username": user, "password": password}}});
        std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
        store(&dir)
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pushes an image, pulls it, goes on with a download, and pushes it elsewhere.
async fn there_and_back(registry: &Registry, real: &Real) {
    let image = Image::new(1, 3_000_000);
    let name = real.named("team/app:1");
    let pushed = registry
        .push(&name, &image.push(), &|_, _| ())
        .await
        .unwrap();
    assert_eq!((pushed.uploaded.blobs, pushed.digest), (2, image.digest()));
    let again = registry
        .push(&name, &image.push(), &|_, _| ())
        .await
        .unwrap();
    assert_eq!(again.existing, pushed.uploaded);

    for rest in [
        "team/app:1".to_owned(),
        format!("team/app@{}", image.digest()),
    ] {
        let pulled = registry
            .manifest(&real.named(&rest), &amd64())
            .await
            .unwrap();
        assert_eq!(pulled.manifest_bytes, image.manifest);
        assert_eq!(pulled.config_bytes, image.config);
    }
    // As if an earlier download had been cut.
    let file = real.dir.path().join("blob");
    std::fs::write(&file, &image.layer[..1_000_000]).unwrap();
    let first = std::sync::Mutex::new(None);
    let progress = |bytes| {
        first.lock().unwrap().get_or_insert(bytes);
    };
    registry
        .blob(&name, &image.layer(), &file, &progress)
        .await
        .unwrap();
    assert_eq!(
        Digest::of(&std::fs::read(&file).unwrap()),
        image.layer().digest
    );
    assert_eq!(first.into_inner().unwrap(), Some(1_000_000));
    elsewhere(registry, real, &image).await;
}

/// Pushes what is there once more, to another repository.
async fn elsewhere(registry: &Registry, real: &Real, image: &Image) {
    let mut push = image.push();
    push.mount_from = vec!["team/empty".into(), "team/app".into()];
    let copy = registry
        .push(&real.named("copy:1"), &push, &|_, _| ())
        .await
        .unwrap();
    assert_eq!(copy.mounted.blobs, 2);
    assert!(
        registry
            .manifest(&real.named("copy:1"), &amd64())
            .await
            .is_ok()
    );

    let err = registry
        .manifest(&real.named("team/app:2"), &amd64())
        .await
        .unwrap_err();
    assert!(
        matches!(err, RegistryError::NotFound { .. }),
        "{}",
        chain(&err)
    );
}

#[tokio::test]
async fn registry_without_users_is_used() {
    let Some(real) = Real::start(|_| String::new()) else {
        return;
    };
    there_and_back(&Registry::new(Options::default()).unwrap(), &real).await;
}

#[tokio::test]
async fn registry_with_users_is_used() {
    let Some(real) = Real::start(|dir| {
        let users = dir.join("users");
        std::fs::write(&users, USERS).unwrap();
        format!("auth:\n  htpasswd:\n    realm: test\n    path: {users:?}\n")
    }) else {
        return;
    };
    let with = |store| {
        Registry::new(Options {
            credentials: store,
            ..options()
        })
        .unwrap()
    };
    there_and_back(&with(real.store("me", "correct horse")), &real).await;
    let name = real.named("team/app:1");
    for (store, expected) in [
        (CredentialStore::default(), None),
        (real.store("me", "wrong-horse"), Some("me")),
    ] {
        let registry = with(store);
        let pull = registry.manifest(&name, &amd64()).await.map(drop);
        let push = Image::new(2, 9).push();
        let push = registry.push(&name, &push, &|_, _| ()).await.map(drop);
        for outcome in [pull, push] {
            let err = outcome.unwrap_err();
            assert!(
                matches!(&err, RegistryError::Denied { user, .. } if user.as_deref() == expected),
                "{}",
                chain(&err)
            );
            assert!(!format!("{err:?}").contains("wrong-horse"));
        }
    }
}

/// A certificate authority.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Makes a certificate and a key with this name, and returns a registry's settings for them.
fn tls(authority: &CertifiedIssuer<'static, KeyPair>, name: &Path) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    let own = params.signed_by(&key, authority).unwrap();
    let (cert_file, key_file) = (name.with_extension("cert"), name.with_extension("key"));
    std::fs::write(&cert_file, own.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    format!("  tls:\n    certificate: {cert_file:?}\n    key: {key_file:?}\n")
}

#[tokio::test]
async fn registry_with_an_own_authority_is_used() {
    let authority = authority();
    let pem = authority.pem();
    let Some(real) = Real::start(|dir| tls(&authority, &dir.join("server"))) else {
        return;
    };
    let certs = real.dir.path().join("certs.d");
    let own = certs.join(format!("127.0.0.1:{}", real.port));
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("ca.crt"), &pem).unwrap();
    let trusting = |certs_dirs, extra_ca| {
        Registry::new(Options {
            certs_dirs,
            extra_ca,
            ..options()
        })
        .unwrap()
    };
    let missing = real.dir.path().join("missing");
    there_and_back(&trusting(vec![missing, certs], None), &real).await;
    let name = real.named("team/app:1");
    let pulled = trusting(Vec::new(), Some(pem))
        .manifest(&name, &amd64())
        .await;
    assert!(pulled.is_ok());

    let err = trusting(Vec::new(), None).manifest(&name, &amd64()).await;
    let err = err.unwrap_err();
    assert!(matches!(err, RegistryError::Tls { .. }), "{}", chain(&err));
    assert!(chain(&err).contains("certificate"), "{}", chain(&err));
    let hint = err.hint().unwrap();
    assert!(
        hint.contains("/etc/docker/certs.d/127.0.0.1:") && hint.contains("--tls-verify=false"),
        "{hint}"
    );
    let insecure = Registry::new(Options {
        insecure: Insecure::All,
        ..options()
    });
    let pulled = insecure.unwrap().manifest(&name, &amd64()).await.unwrap();
    assert_eq!(pulled.manifest_bytes, Image::new(1, 3_000_000).manifest);
}

#[tokio::test]
async fn registry_with_client_certificates_is_used() {
    let authority = authority();
    let Some(real) = Real::start(|dir| {
        let ca = dir.join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        format!(
            "{}    clientcas: [{ca:?}]\n",
            tls(&authority, &dir.join("server"))
        )
    }) else {
        return;
    };
    let certs = real.dir.path().join("certs.d");
    let own = certs.join(format!("127.0.0.1:{}", real.port));
    std::fs::create_dir_all(&own).unwrap();
    let registry = || {
        Registry::new(Options {
            certs_dirs: vec![certs.clone()],
            extra_ca: Some(authority.pem()),
            ..options()
        })
        .unwrap()
    };
    let name = real.named("team/app:1");
    let err = registry().manifest(&name, &amd64()).await.unwrap_err();
    assert!(matches!(err, RegistryError::Tls { .. }), "{}", chain(&err));
    tls(&authority, &own.join("client"));
    there_and_back(&registry(), &real).await;
}

#[tokio::test]
async fn invalid_certificates_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("example.org");
    std::fs::create_dir(&own).unwrap();
    let registry = || {
        Registry::new(Options {
            certs_dirs: vec![dir.path().into()],
            ..options()
        })
        .unwrap()
    };
    let name: ImageRef = "example.org/a".parse().unwrap();
    for (file, expected) in [
        ("ca.crt", "the file has no certificate"),
        ("client.cert", "there is no key `KEY` beside it"),
    ] {
        let path = own.join(file);
        std::fs::write(&path, "nothing").unwrap();
        let err = registry().manifest(&name, &amd64()).await.unwrap_err();
        let key = path.with_extension("key").display().to_string();
        assert_eq!(
            chain(&err),
            format!(
                "can't use the certificate `{}`: {}",
                path.display(),
                expected.replace("KEY", &key)
            )
        );
        std::fs::remove_file(&path).unwrap();
    }
    let err = Registry::new(Options {
        extra_ca: Some("nothing".into()),
        ..options()
    });
    assert_eq!(
        chain(&err.unwrap_err()),
        "can't use the certificate that is given as an option: the file has no certificate"
    );
}
