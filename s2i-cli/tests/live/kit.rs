//! The images of this project, and what applications for them are tested with.

use std::path::{Path, PathBuf};

use crate::harness::{Live, live, skip};

/// Where this machine keeps the certificates that it trusts, if it has them there.
pub(crate) const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A live test with these images; without them there is none.
pub(crate) fn with(images: &[impl AsRef<str>]) -> Option<Live> {
    let live = live()?;
    let mut names = images.iter().map(AsRef::as_ref);
    let Some(missing) = names.find(|name| live.engine.image(name).is_none()) else {
        return Some(live);
    };
    skip(&format!(
        "the engine has no {missing}; `cargo xtask test` puts it there"
    ));
    let required = std::env::var_os("S2I_TEST_REQUIRE_LIVE").is_some();
    assert!(
        !required,
        "live tests are required, and there is no {missing}"
    );
    None
}

/// The directory of a sample application.
pub(crate) fn sample(builder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../builder-images")
        .join(builder)
        .join("samples")
        .join(name)
}

/// The user that clusters give, where the engine has numbers as high.
pub(crate) fn random_user(live: &Live) -> &'static str {
    if live.has_user(1_000_620_000) {
        "1000620000:0"
    } else {
        "62000:0"
    }
}

/// The options of a build that downloads: it trusts whom this machine trusts, and asks servers as this
/// machine does, which is less likely to fail than through the bridge and the name service of an engine.
pub(crate) fn online() -> Vec<String> {
    let mut options = vec!["--network", "host"];
    if Path::new(CERTIFICATES).exists() {
        options.extend(["--trust-ca", CERTIFICATES]);
    }
    options.into_iter().map(ToOwned::to_owned).collect()
}
