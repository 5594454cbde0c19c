//! The files of a source for the `ONBUILD` triggers of a builder: found by patterns, and written as archives.

use std::{
    io::{self, Write},
    path::Path,
};

use cap_std::fs::{Dir, MetadataExt as _};
use globset::{GlobBuilder, GlobMatcher};
use s2i_core::{
    OpenDir,
    archive::{self, Keep},
    bounds,
    ignore::Filter,
};

use crate::{facts::SourceMatch, plan::SourcePath};

/// The characters that make a name a pattern.
const WILDCARDS: [char; 3] = ['*', '?', '['];

/// Returns the files and directories that a path or pattern matches, in the order of their names: none for one that
/// leads out of the source. Patterns are those of Docker: `*`, `?` and `[…]` stay within one component.
pub(super) fn find(root: &OpenDir, filter: &Filter, pattern: &str) -> io::Result<Vec<SourceMatch>> {
    let parts = pattern.split('/');
    let parts = parts.filter(|part| !part.is_empty() && *part != ".");
    let mut found = vec![String::new()];
    for part in parts {
        if part == ".." {
            return Ok(Vec::new());
        }
        let mut next = Vec::new();
        for path in &found {
            let names = names(root.dir(), path, part)?;
            let paths = names.into_iter().map(|name| match path.as_str() {
                "" => name,
                path => format!("{path}/{name}"),
            });
            next.extend(paths.filter(|path| !filter.leaves_out(path)));
            if next.len() > bounds::MATCHES {
                return Err(io::ErrorKind::ArgumentListTooLong.into());
            }
        }
        found = next;
    }
    let found = found.into_iter();
    Ok(found.filter_map(|path| look(root.dir(), path)).collect())
}

/// Returns the names in a directory that a component of a pattern matches, in their order.
fn names(root: &Dir, directory: &str, part: &str) -> io::Result<Vec<String>> {
    let Some(matcher) = matcher(part)? else {
        return Ok(vec![part.replace('\\', "")]);
    };
    let directory = if directory.is_empty() { "." } else { directory };
    let entries = match root.read_dir(directory) {
        Ok(entries) => entries,
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotADirectory | io::ErrorKind::NotFound
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(err) => return Err(err),
    };
    let mut names = Vec::new();
    for entry in entries {
        // An archive has no other names either.
        if let Ok(name) = entry?.file_name().into_string()
            && matcher.is_match(&name)
        {
            names.push(name);
            if names.len() > bounds::MATCHES {
                return Err(io::ErrorKind::ArgumentListTooLong.into());
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the matcher of a component; `None` if it is a plain name.
fn matcher(part: &str) -> io::Result<Option<GlobMatcher>> {
    if !part.contains(WILDCARDS) {
        return Ok(None);
    }
    // Braces have no meaning for Docker.
    let part = part.replace('{', "[{]").replace('}', "[}]");
    let mut glob = GlobBuilder::new(&part);
    glob.literal_separator(true).backslash_escape(true);
    let glob = glob.build().map_err(io::Error::other)?;
    Ok(Some(glob.compile_matcher()))
}

/// Returns the kind of a file; `None` if it does not exist. Links are followed inside of the source.
fn look(root: &Dir, path: String) -> Option<SourceMatch> {
    let path = if path.is_empty() { ".".into() } else { path };
    let metadata = root.metadata(&path).ok()?;
    Some(SourceMatch {
        is_dir: metadata.is_dir(),
        is_executable: metadata.is_file() && metadata.mode() & 0o111 != 0,
        path,
    })
}

/// The options of an archive of parts of a source.
pub(super) struct Parts<'a> {
    pub(super) root: &'a OpenDir,
    pub(super) filter: &'a Filter,
    pub(super) mtime: u64,
    pub(super) keep: Keep,
}

impl Parts<'_> {
    /// Writes an archive of these parts: files, or the content of one directory.
    pub(super) fn write(&self, paths: &[SourcePath], out: &mut dyn Write) -> io::Result<()> {
        if let [SourcePath { path, name }] = paths
            && name == "."
        {
            return self.write_directory(path, out);
        }
        let mut archive = archive::Writer::new(out, self.mtime);
        for SourcePath { path, name } in paths {
            let file = self.root.open_file(path)?;
            let metadata = file.metadata()?;
            let mode = std::os::unix::fs::MetadataExt::mode(&metadata);
            let mode = self.keep.file_mode(mode);
            let time = self.keep.file_time(metadata.modified()?);
            archive.at_time(time.unwrap_or(self.mtime), |archive| {
                archive.file(name, mode, metadata.len(), &mut &file)
            })?;
        }
        archive.finish().map(drop)
    }

    fn write_directory(&self, path: &str, out: &mut dyn Write) -> io::Result<()> {
        let options = |filter| archive::TreeOptions {
            filter,
            mtime: self.mtime,
            keep: self.keep,
            prefix: "",
        };
        if path == "." {
            return archive::write_tree(self.root, &options(self.filter), out).map(drop);
        }
        let directory = self.root.open_dir(Path::new(path))?;
        let filter = self.filter.below(path);
        archive::write_tree(&directory, &options(&filter), out).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use s2i_core::Times;

    use super::*;

    /// A source with files, links and an ignored directory.
    fn source() -> (tempfile::TempDir, OpenDir, Filter) {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("root");
        for path in [
            "a.json",
            "b.json",
            "lib/x.js",
            "lib/deep/y.js",
            "lib/key.pem",
            "{c}",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        fs::write(temp.path().join("outside"), "").unwrap();
        symlink("../outside", root.join("out")).unwrap();
        symlink("lib", root.join("link")).unwrap();
        let filter = Filter::excluding(r"\.pem$|^lib/deep").unwrap();
        let root = OpenDir::open(root).unwrap();
        (temp, root, filter)
    }

    #[test]
    fn patterns_match_what_docker_would_match() {
        let (_temp, root, filter) = source();
        let found = |pattern: &str| {
            let found = find(&root, &filter, pattern).unwrap();
            let shown = found.into_iter().map(|found| {
                let end = if found.is_dir { "/" } else { "" };
                found.path + end
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        for (pattern, expected) in [
            (".", "./"),
            ("/", "./"),
            ("./a.json", "a.json"),
            ("/a.json", "a.json"),
            ("*.json", "a.json b.json"),
            ("[^b].json", "a.json"),
            ("?.json", "a.json b.json"),
            ("{c}", "{c}"),
            ("{*}", "{c}"),
            ("{a,b}.json", ""),
            ("l*", "lib/ link/"),
            ("lib/*", "lib/x.js"),
            ("*/x.js", "lib/x.js link/x.js"),
            ("lib/key.pem", ""),
            ("lib/deep", ""),
            ("none", ""),
            ("a.json/*", ""),
            ("../outside", ""),
            ("out", ""),
        ] {
            assert_eq!(found(pattern), expected, "{pattern}");
        }
        assert!(find(&root, &filter, "[").is_err());
    }

    #[test]
    fn parts_have_the_rules_of_the_whole_source() {
        let (_temp, root, filter) = source();
        let times = Times::default();
        let parts = Parts {
            root: &root,
            filter: &filter,
            mtime: times.new,
            keep: Keep::default(),
        };
        let names = |path: &str, name: &str| {
            let part = SourcePath {
                path: path.into(),
                name: name.into(),
            };
            let mut bytes = Vec::new();
            parts.write(&[part], &mut bytes).map(|()| {
                let mut archive = tar::Archive::new(&bytes[..]);
                let entries = archive.entries().unwrap();
                let names =
                    entries.map(|entry| entry.unwrap().path().unwrap().display().to_string());
                names.collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(names("a.json", "x").unwrap(), "x");
        assert_eq!(names("lib", ".").unwrap(), "x.js");
        assert!(names(".", ".").unwrap().contains("lib/x.js"));
        assert!(names("out", "x").is_err());
        assert!(names("none", "x").is_err());
    }
}
