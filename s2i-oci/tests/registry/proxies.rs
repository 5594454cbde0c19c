//! Requests to loopback addresses do not go through proxies.

use std::{process::Command, sync::Arc};

use crate::image::{Image, amd64, named, registry};

/// Set in the process that has proxies.
const INSIDE: &str = "S2I_TEST_INSIDE";

/// Variables can't be set in a process with threads, so the test runs itself once more.
#[tokio::test]
async fn loopback_bypasses_proxies() {
    if std::env::var_os(INSIDE).is_none() {
        let mut inside = Command::new(std::env::current_exe().unwrap());
        inside.args(["--exact", "proxies::loopback_bypasses_proxies"]);
        inside.env(INSIDE, "1");
        inside.env_remove("NO_PROXY").env_remove("no_proxy");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            inside.env(name, "http://127.0.0.1:9");
            inside.env(name.to_lowercase(), "http://127.0.0.1:9");
        }
        let output = inside.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("1 passed"), "{text}");
        return;
    }
    let server = Arc::new(Image::new(1, 10)).serve();
    let name = named(&server, ":1");
    assert!(registry().manifest(&name, &amd64()).await.is_ok());
}
