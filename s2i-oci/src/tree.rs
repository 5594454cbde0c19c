//! Directories of the host as part of a layer.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::layer::{LayerBuilder, LayerError, Owner};

impl LayerBuilder {
    /// Adds the directory `from` of the host with everything in it as the directory `name`, with its missing parents.
    ///
    /// The files belong to `owner`. As in Git, a file has mode 0755 if its owner may execute it, else 0644, and
    /// directories have 0755. Symbolic links are taken as they are. The content of files is read when the layer is
    /// written.
    ///
    /// # Errors
    /// Those of [`directory`](Self::directory), and [`LayerError::Read`] for a directory that can't be read and for
    /// anything that is neither file, directory nor link.
    pub fn tree(&mut self, name: &str, from: &Path, owner: Owner) -> Result<(), LayerError> {
        self.directories(name, 0o755, owner)?;
        let mut open = vec![(name.to_owned(), from.to_owned())];
        while let Some((name, dir)) = open.pop() {
            for entry in fs::read_dir(&dir).map_err(failed(&dir))? {
                let path = entry.map_err(failed(&dir))?.path();
                let name = entry_name(&name, &path)?;
                let metadata = fs::symlink_metadata(&path).map_err(failed(&path))?;
                if metadata.is_dir() {
                    self.directory(&name, 0o755, owner)?;
                    open.push((name, path));
                } else if metadata.is_symlink() {
                    let target = fs::read_link(&path).map_err(failed(&path))?;
                    let target = target.to_str().ok_or_else(|| not_text(&name))?;
                    self.symlink(&name, target, owner)?;
                } else if metadata.is_file() {
                    let is_program = metadata.permissions().mode() & 0o100 != 0;
                    let mode = if is_program { 0o755 } else { 0o644 };
                    self.file(&name, mode, owner, path)?;
                } else {
                    let kind = io::ErrorKind::InvalidInput;
                    let problem = "it is neither a file nor a directory nor a symbolic link";
                    return Err(failed(&path)(io::Error::new(kind, problem)));
                }
            }
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> LayerError {
    let path = PathBuf::from(path);
    move |source| LayerError::Read { path, source }
}

/// Returns the name in the layer of an entry of the directory `parent`.
fn entry_name(parent: &str, path: &Path) -> Result<String, LayerError> {
    let name = path.file_name().unwrap_or_default();
    match name.to_str() {
        Some(name) => Ok(format!("{parent}/{name}")),
        None => Err(not_text(&format!("{parent}/{}", name.display()))),
    }
}

fn not_text(name: &str) -> LayerError {
    LayerError::Name {
        name: name.into(),
        problem: "it is not UTF-8",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{ffi::OsStrExt as _, fs::symlink, net::UnixListener};

    use super::*;

    fn digest(from: &Path) -> crate::Digest {
        let mut layer = LayerBuilder::new(1);
        layer.tree("srv/app", from, Owner::ROOT).unwrap();
        diff_id(&layer)
    }

    fn diff_id(layer: &LayerBuilder) -> crate::Digest {
        let dir = tempfile::tempdir().unwrap();
        layer.build(&dir.path().join("layer")).unwrap().diff_id()
    }

    #[test]
    fn tree_has_the_names_modes_and_links_of_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        fs::write(dir.path().join("bin/run"), "#!").unwrap();
        fs::set_permissions(
            dir.path().join("bin/run"),
            fs::Permissions::from_mode(0o700),
        )
        .unwrap();
        fs::write(dir.path().join("page"), "hello").unwrap();
        fs::set_permissions(dir.path().join("page"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("bin/run", dir.path().join("start")).unwrap();
        let mut expected = LayerBuilder::new(1);
        expected
            .directories("srv/app/bin", 0o755, Owner::ROOT)
            .unwrap();
        let root = Owner::ROOT;
        expected
            .file("srv/app/bin/run", 0o755, root, b"#!".to_vec())
            .unwrap();
        expected
            .file("srv/app/page", 0o644, root, b"hello".to_vec())
            .unwrap();
        expected.symlink("srv/app/start", "bin/run", root).unwrap();
        assert_eq!(digest(dir.path()), diff_id(&expected));
    }

    #[test]
    fn socket_and_name_without_text_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let tree = || LayerBuilder::new(1).tree("a", dir.path(), Owner::ROOT);
        assert!(matches!(tree(), Err(LayerError::Read { path, .. }) if path == socket));
        drop(listener);
        fs::remove_file(&socket).unwrap();
        let name = std::ffi::OsStr::from_bytes(b"\xff");
        fs::write(dir.path().join(name), "").unwrap();
        assert!(matches!(tree(), Err(LayerError::Name { .. })));
    }
}
