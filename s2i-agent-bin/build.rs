//! Embeds the agents of the package, whose digests are checked, or in a checkout those that `cargo xtask dist` built.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// The agents: the name of the constant, and the directory, which is named after the processor.
const AGENTS: [(&str, &str); 2] = [("AMD64", "x86_64"), ("ARM64", "aarch64")];

fn main() {
    println!("cargo:rerun-if-env-changed=S2I_AGENT_DIR");
    println!("cargo:rerun-if-changed=build.rs");
    let crate_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    // The source of the agent lies beside this crate only in a checkout.
    let is_package = !crate_dir.join("../s2i-agent/Cargo.toml").is_file();
    let dir = match env::var_os("S2I_AGENT_DIR") {
        Some(dir) => PathBuf::from(dir),
        None if is_package => {
            let dir = crate_dir.join("agents");
            check(&dir);
            dir
        }
        None => {
            let target = env::var_os("CARGO_TARGET_DIR");
            target
                .map_or_else(|| crate_dir.join("../target"), PathBuf::from)
                .join("s2i")
        }
    };
    let mut code = String::new();
    for (name, arch) in AGENTS {
        let agent = dir.join(arch).join("s2i-agent");
        let value = if let Ok(agent) = agent.canonicalize() {
            println!("cargo:rerun-if-changed={}", agent.display());
            format!("Some(include_bytes!({:?}))", agent.display().to_string())
        } else {
            if !is_package {
                watch(&dir.join(arch));
            }
            "None".to_owned()
        };
        let _ = writeln!(code, "const {name}: Option<&[u8]> = {value};");
    }
    if is_package && !code.contains("Some") {
        println!(
            "cargo:warning=this package has no agents; `cargo xtask package` makes one that has"
        );
    }
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::write(out_dir.join("agents.rs"), code).expect("OUT_DIR is writable");
}

/// Lets Cargo run this script again once the directory gets an agent. Cargo runs a script that watches a missing file
/// in every build, so the directory has to be there.
fn watch(dir: &Path) {
    let _ = fs::create_dir_all(dir);
    println!("cargo:rerun-if-changed={}", dir.display());
}

/// Checks that each agent has the digest that the package lists.
fn check(dir: &Path) {
    let listed = fs::read_to_string(dir.join("SHA256SUMS")).unwrap_or_default();
    for (_, arch) in AGENTS {
        let name = format!("{arch}/s2i-agent");
        let Ok(bytes) = fs::read(dir.join(&name)) else {
            continue;
        };
        let mut line = String::new();
        for byte in Sha256::digest(bytes) {
            let _ = write!(line, "{byte:02x}");
        }
        let _ = write!(line, "  {name}");
        assert!(
            listed.lines().any(|known| known == line),
            "`{name}` in `{}` is not the agent of this package: `SHA256SUMS` has no line `{line}`; \
             remove the package from Cargo's cache or vendor directory and fetch it again",
            dir.display()
        );
    }
}
