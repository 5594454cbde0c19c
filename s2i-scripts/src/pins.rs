//! Versions of tools in files that version managers read: `.tool-versions`, `mise.toml` and files with one version.

use std::{fs, io::Read as _, path::Path};

/// The number of bytes of such a file that are read.
const MAX_SIZE: u64 = 64 << 10;

/// The version that a source names, and the file that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) version: String,
    pub(crate) file: &'static str,
}

/// Returns the first version that the root of a source names for a tool: `own` are the files with nothing but its
/// version, `names` those of the tool in files for all tools.
pub(crate) fn find(root: &Path, own: &[&'static str], names: &[&str]) -> Option<Pin> {
    let read = |file: &str| {
        let mut text = Vec::new();
        let opened = fs::File::open(root.join(file)).ok()?;
        opened.take(MAX_SIZE).read_to_end(&mut text).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let single = own
        .iter()
        .filter_map(|&file| Some((first_word(&read(file)?)?, file)));
    let mise = ["mise.toml", ".mise.toml"];
    let mise = mise
        .into_iter()
        .filter_map(|file| Some((mise_version(&read(file)?, names)?, file)));
    let asdf = [".tool-versions"];
    let asdf = asdf
        .into_iter()
        .filter_map(|file| Some((asdf_version(&read(file)?, names)?, file)));
    let mut found = single.chain(mise).chain(asdf);
    found.next().map(|(version, file)| Pin { version, file })
}

fn first_word(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    line.split_whitespace().next().map(str::to_owned)
}

/// Returns the version of a line such as `nodejs 22.1.0`.
fn asdf_version(text: &str, names: &[&str]) -> Option<String> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_named = names.contains(&words.next()?);
        words.next().filter(|_| is_named).map(str::to_owned)
    })
}

/// Returns the version of a line such as `node = "22"` or `node = { version = "22" }` of the table `tools`.
fn mise_version(text: &str, names: &[&str]) -> Option<String> {
    let mut is_tools = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_tools = line.trim_matches(['[', ']', ' ']) == "tools";
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| is_tools) else {
            continue;
        };
        let name = name.trim().trim_matches(['"', '\'']);
        if !names.contains(&name.strip_prefix("core:").unwrap_or(name)) {
            continue;
        }
        let value = match value.split_once("version") {
            Some((_, version)) if value.trim().starts_with('{') => version,
            _ => value,
        };
        return value.split(['"', '\'']).nth(1).map(str::to_owned);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::testing::tree;

    #[track_caller]
    fn check(file: &str, text: &str, expected: Option<&str>) {
        let root = tree(&[(file, text)]);
        let pin = find(root.path(), &[".node-version"], &["node", "nodejs"]);
        assert_eq!(pin.map(|pin| pin.version).as_deref(), expected, "{text}");
    }

    #[test]
    fn version_is_found_in_the_files_of_version_managers() {
        check(".node-version", "# ours\n v22.1.0 \n", Some("v22.1.0"));
        check(".node-version", "\n", None);
        check(
            ".tool-versions",
            "golang 1.26\nnodejs 22.1.0 20\n",
            Some("22.1.0"),
        );
        check(".tool-versions", "# nodejs 22\nruby 3", None);
        for line in [
            "node = \"22\"",
            "nodejs='22'",
            "\"core:node\" = { version = \"22\", os = \"linux\" }",
            "node = [\"22\", \"20\"]",
        ] {
            check(
                "mise.toml",
                &format!("[tools]\ngo = \"1\"\n{line}\n"),
                Some("22"),
            );
            check(".mise.toml", &format!("[env]\n{line}\n"), None);
        }
    }

    #[test]
    fn file_of_the_tool_itself_takes_precedence() {
        let root = tree(&[(".node-version", "20"), (".tool-versions", "node 22")]);
        let pin = find(root.path(), &[".node-version"], &["node"]).unwrap();
        assert_eq!((pin.version.as_str(), pin.file), ("20", ".node-version"));
    }
}
