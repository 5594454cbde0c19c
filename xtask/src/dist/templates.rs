//! The files of a release that are made from templates in `packaging`: the installer and the formula for Homebrew.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use s2i_test_engines::paths;

use super::{
    Arch,
    release::{VERSION, name},
};

/// Writes the installer, and the formula if there is an address of releases and a program for each processor.
pub(super) fn write(
    to: &Path,
    url: Option<&str>,
    digests: &BTreeMap<String, String>,
) -> Result<()> {
    // Without an address, the installer asks for one.
    let url = url.map(|url| url.trim_end_matches('/'));
    let mut values = vec![("URL", url.unwrap_or_default()), ("VERSION", VERSION)];
    fill("install.sh", &values, to)?;
    let of = |arch| digests.get(&format!("{}.tar.gz", name(arch)));
    if let (Some(url), Some(amd64), Some(arm64)) = (url, of(Arch::Amd64), of(Arch::Arm64)) {
        let home = url.trim_end_matches("/releases/download");
        values.extend([
            ("HOME", home),
            ("SHA256_AMD64", amd64.as_str()),
            ("SHA256_ARM64", arm64.as_str()),
        ]);
        fill("s2i.rb", &values, to)?;
    }
    Ok(())
}

/// Writes a template with these values in place of the words between `@`.
fn fill(file: &str, values: &[(&str, &str)], to: &Path) -> Result<()> {
    let template = paths::root().join("packaging").join(file);
    let text = fs::read_to_string(&template);
    let mut text = text.with_context(|| format!("can't read {}", template.display()))?;
    for (name, value) in values {
        text = text.replace(&format!("@{name}@"), value);
    }
    let path = to.join(file);
    fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
}
