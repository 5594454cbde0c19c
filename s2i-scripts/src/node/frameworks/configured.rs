//! The directories that tools are configured to write to: in their files of settings, and in the build script.
//!
//! Settings are programs, and are not run here: the text behind a name is what counts. A wrong guess is no harm, for
//! the build fails where the directory is not there.

use std::{collections::BTreeMap, fs, io::Read as _, path::Path};

use crate::launch::words;

/// The number of bytes of a file of settings that are read.
const MAX_SIZE: u64 = 256 << 10;

/// The names of files of settings, without their endings.
const FILES: [&str; 9] = [
    ".eleventy",
    "angular",
    "astro.config",
    "eleventy.config",
    "nuxt.config",
    "rsbuild.config",
    "svelte.config",
    "vite.config",
    "vue.config",
];

/// Their endings.
const ENDINGS: [&str; 7] = ["js", "ts", "mjs", "mts", "cjs", "cts", "json"];

/// The texts of a package's files of settings, by name without the ending.
pub(in super::super) type Configs = BTreeMap<&'static str, String>;

/// Reads the files of settings of a package.
pub(in super::super) fn read(home: &Path) -> Configs {
    let mut configs = Configs::new();
    for name in FILES {
        let mut texts = ENDINGS.iter().filter_map(|ending| {
            let mut text = Vec::new();
            let file = fs::File::open(home.join(format!("{name}.{ending}"))).ok()?;
            file.take(MAX_SIZE).read_to_end(&mut text).ok()?;
            Some(String::from_utf8_lossy(&text).into_owned())
        });
        configs.extend(texts.next().map(|text| (name, text)));
    }
    configs
}

/// Returns the last text of the value of a name, such as `x` of `outDir: path.resolve(__dirname, "x")`.
pub(super) fn value(text: &str, name: &str) -> Option<String> {
    let code = without_comments(text);
    code.match_indices(name).find_map(|(start, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let before = code[..start].chars().next_back();
        let rest = code[start + name.len()..].trim_start_matches(['"', '\'']);
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        if before.is_some_and(is_part) {
            return None;
        }
        let end = rest.find(['\n', '}']).unwrap_or(rest.len());
        // A list of arguments may go on after a comma, a plain value does not.
        let value = if rest.starts_with(['"', '\'', '`']) {
            &rest[..end.min(rest.find(',').unwrap_or(end))]
        } else {
            &rest[..end]
        };
        let texts: Vec<_> = value.split(['"', '\'', '`']).skip(1).step_by(2).collect();
        let text = texts.last()?;
        (!text.is_empty() && !text.contains("${")).then(|| (*text).to_owned())
    })
}

/// Returns a text without comments up to the ends of lines.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| match line.find("//") {
        // Not the two slashes of an address.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the value of the first of these options in a script, `--out x` or `--out=x`, or of a variable in front.
pub(super) fn option(script: &str, names: &[&str]) -> Option<String> {
    let words = words::split(script);
    words.iter().enumerate().find_map(|(index, word)| {
        if names.contains(&word.as_str()) {
            return words.get(index + 1).cloned();
        }
        let (name, value) = word.split_once('=')?;
        names.contains(&name).then(|| value.to_owned())
    })
}

/// Returns the directory that a script gives a program behind `build`, such as `docs` of `vitepress build docs`.
pub(super) fn root(script: &str, program: &str) -> Option<String> {
    let words = words::split(script);
    let at = words.iter().position(|word| word == program)?;
    let mut rest = words[at + 1..].iter().skip_while(|word| *word == "build");
    let next = rest.next()?;
    let is_path = !next.starts_with(['-', '&', ';', '|']);
    is_path.then(|| next.clone())
}

/// Returns a directory below another one, without `.` and `..`; `None` where it leads out of the package.
pub(in super::super) fn below(base: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::testing::tree;

    #[test]
    fn value_is_the_last_text_behind_its_name() {
        for (text, expected) in [
            (
                "export default { build: { outDir: \"public_html\" } }",
                Some("public_html"),
            ),
            (
                "build: {\n  'outDir': './x', emptyOutDir: true\n}",
                Some("./x"),
            ),
            (
                "outDir: path.resolve(__dirname, '../dist'),\n a: 'b'",
                Some("../dist"),
            ),
            ("// outDir: 'no'\noutDir: `yes`", Some("yes")),
            ("emptyOutDir: 'no', myoutDir: 'no'", None),
            ("outDir: process.env.OUT", None),
            ("outDir: `${a}/b`", None),
        ] {
            assert_eq!(value(text, "outDir").as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn options_and_roots_are_found_in_scripts() {
        let script = "tsc && vite build client --outDir 'my site' && x";
        assert_eq!(option(script, &["--outDir"]).as_deref(), Some("my site"));
        assert_eq!(root(script, "vite").as_deref(), Some("client"));
        assert_eq!(root("vite build && x", "vite"), None);
        let script = "BUILD_PATH=web react-scripts build";
        assert_eq!(option(script, &["BUILD_PATH"]).as_deref(), Some("web"));
        assert_eq!(option(script, &["--outDir"]), None);
    }

    #[test]
    fn directory_never_leads_out_of_the_package() {
        assert_eq!(below("client", "../dist/./x").as_deref(), Some("dist/x"));
        assert_eq!(below("", "dist/").as_deref(), Some("dist"));
        assert_eq!(below("", "../dist"), None);
        assert_eq!(below("", "/srv"), None);
    }

    #[test]
    fn files_of_settings_are_read_whatever_their_ending() {
        let root = tree(&[("vite.config.mts", "a"), ("angular.json", "{}")]);
        let configs = read(root.path());
        assert_eq!(configs["vite.config"], "a");
        assert_eq!(configs["angular"], "{}");
        assert_eq!(configs.len(), 2);
    }
}
