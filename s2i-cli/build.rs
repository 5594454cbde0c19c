//! Embeds the static agents that `cargo xtask dist` built, if there are any.

use std::{env, fmt::Write as _, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=S2I_AGENT_DIR");
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| manifest_dir.join("../target"), PathBuf::from);
    let agents = env::var_os("S2I_AGENT_DIR").map_or_else(|| target.join("s2i"), PathBuf::from);
    let mut code = String::from("Agents {\n");
    for (field, directory) in [("amd64", "x86_64"), ("arm64", "aarch64")] {
        let agent = agents.join(directory).join("s2i-agent");
        println!("cargo:rerun-if-changed={}", agent.display());
        match agent.canonicalize() {
            Ok(agent) => {
                let _ = writeln!(
                    code,
                    "    {field}: Some(std::borrow::Cow::Borrowed(include_bytes!({:?}))),",
                    agent.display().to_string()
                );
            }
            Err(_) => {
                let _ = writeln!(code, "    {field}: None,");
            }
        }
    }
    code.push('}');
    fs::write(out_dir.join("agents.rs"), code).expect("OUT_DIR is writable");
}
