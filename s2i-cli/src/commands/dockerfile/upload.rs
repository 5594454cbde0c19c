//! The directory `upload` beside a Dockerfile, which the next run replaces.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use s2i_build::{
    BuildFailure, CancelToken, EngineError, PreparedBuild, Resource,
    plan::{
        CopySource, DOCKERFILE_DIR, DOCKERFILE_INJECTIONS_DIR, DOCKERFILE_SOURCE_DIR,
        DOCKERFILE_TRUST_DIR, Stage, TRUST_FILE, dockerfile_scripts_dir,
    },
    resource::Tracked,
};

use s2i_core::bounds;

use crate::{error::Error, files};

/// The file by which s2i knows a directory of its own.
const MARK: &str = ".s2i";

const MARK_TEXT: &str = "`s2i build --as-dockerfile` has written this directory and replaces it.\n";

/// The content of the mark if the source is the user's own.
const GENERATED_TEXT: &str = "`s2i generate` has written this directory, for a source in `src`.\n";

/// The name of the directory until it is complete.
const UNFINISHED: &str = ".s2i-upload";

/// The name of the directory of the run before while it is replaced.
const REPLACED: &str = ".s2i-upload-before";

/// The directory under construction. It is removed unless it is completed.
pub(super) struct Upload {
    file: PathBuf,
    path: PathBuf,
    unfinished: PathBuf,
    /// The outermost directory that was created for it.
    outermost: PathBuf,
    is_complete: bool,
    _tracked: Tracked,
}

impl Upload {
    /// Creates the directory for this Dockerfile. One of the run before stays until the new one is complete; one that
    /// s2i has not written is an error.
    pub(super) fn create(
        file: &Path,
        is_generated: bool,
        cancel: &CancelToken,
    ) -> Result<Self, Error> {
        let dir = file.parent().unwrap_or(Path::new("/"));
        let (path, unfinished) = (dir.join(DOCKERFILE_DIR), dir.join(UNFINISHED));
        check_own(&path)?;
        remove_own(&unfinished)?;
        remove_own(&dir.join(REPLACED))?;
        let new = unfinished.ancestors().take_while(|above| !above.exists());
        let outermost = new.last().unwrap_or(&unfinished).to_owned();
        let tracked = cancel.track(Resource::Context(outermost.clone()));
        let tracked = tracked.map_err(|reason| BuildFailure::from(EngineError::from(reason)))?;
        let upload = Self {
            file: file.to_owned(),
            path,
            unfinished,
            outermost,
            is_complete: false,
            _tracked: tracked,
        };
        // The mark comes first and goes last, so that a directory that a killed run has left is known.
        let mark = upload.unfinished.join(MARK);
        let text = if is_generated {
            GENERATED_TEXT
        } else {
            MARK_TEXT
        };
        let made = fs::create_dir_all(&upload.unfinished).and_then(|()| fs::write(&mark, text));
        made.map_err(write_error(&mark))?;
        let source = upload.source();
        fs::create_dir_all(&source).map_err(write_error(&source))?;
        files::check_writable(&upload.file)?;
        Ok(upload)
    }

    /// Returns the directory as it is called at the end.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the outermost directory that was created for it.
    pub(super) fn outermost(&self) -> &Path {
        &self.outermost
    }

    /// Returns the directory of the source under construction.
    pub(super) fn source(&self) -> PathBuf {
        self.unfinished(DOCKERFILE_SOURCE_DIR)
    }

    /// Returns the path of a directory of the context under construction.
    fn unfinished(&self, path: &str) -> PathBuf {
        let below = Path::new(path).strip_prefix(DOCKERFILE_DIR);
        self.unfinished.join(below.unwrap_or(Path::new(path)))
    }

    /// Copies the inputs of the plan, replaces the directory of the run before and writes the Dockerfile.
    pub(super) fn complete(
        mut self,
        prepared: &PreparedBuild,
        text: &str,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        let source = self.source();
        let copied = prepared.source().copy_into(&source, cancel);
        copied.map_err(write_error(&source))?;
        self.copy_others(prepared)?;
        let before = self.unfinished.with_file_name(REPLACED);
        if self.path.exists() {
            fs::rename(&self.path, &before).map_err(write_error(&self.path))?;
        }
        if let Err(err) = fs::rename(&self.unfinished, &self.path) {
            // The error that led here is the one to report.
            let _ = fs::rename(&before, &self.path);
            return Err(write_error(&self.path)(err));
        }
        files::write(&self.file, text)?;
        self.is_complete = true;
        remove_own(&before)
    }

    /// Copies the scripts, certificates and injected files of the plan.
    fn copy_others(&self, prepared: &PreparedBuild) -> Result<(), Error> {
        let plan = prepared.plan();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(plan.times.new);
        let write = |dir: &str, name: &str, content: &[u8], mode| {
            let dir = self.unfinished(dir);
            let path = dir.join(name);
            let written = fs::create_dir_all(dir).and_then(|()| {
                fs::write(&path, content)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
                fs::File::open(&path)?.set_modified(time)
            });
            written.map_err(write_error(&path))
        };
        for stage in &plan.stages {
            let dir = dockerfile_scripts_dir(stage.name);
            for copy in stage.copies() {
                match &copy.from {
                    CopySource::Scripts(scripts) => {
                        for script in scripts {
                            let text = prepared.source_script(*script);
                            let text = text.map_err(BuildFailure::from)?;
                            write(dir, script.file_name(), &text, 0o755)?;
                        }
                    }
                    CopySource::Fetched(fetched) => {
                        let sets = prepared.scripts().iter();
                        let files = sets
                            .filter(|set| set.url.to_string() == fetched.url)
                            .flat_map(|set| &set.files);
                        for (script, text) in files {
                            if fetched.scripts.contains(script) {
                                write(dir, script.file_name(), text, 0o755)?;
                            }
                        }
                    }
                    CopySource::Trust => {
                        let text = prepared.trust().unwrap_or_default();
                        write(DOCKERFILE_TRUST_DIR, TRUST_FILE, text.as_bytes(), 0o644)?;
                    }
                    CopySource::Source
                    | CopySource::Paths(_)
                    | CopySource::Cache
                    | CopySource::Stdout(_)
                    | CopySource::Stage(_) => {}
                }
            }
        }
        let injections = plan.stages.iter().flat_map(Stage::injections);
        let private = self.unfinished(DOCKERFILE_INJECTIONS_DIR);
        if !prepared.injections().is_empty() {
            let made = fs::DirBuilder::new().mode(0o700).create(&private);
            made.map_err(write_error(&private))?;
        }
        for ((number, inject), injection) in injections.enumerate().zip(prepared.injections()) {
            let dir = private.join(number.to_string());
            let copied = injection.copy_into(&dir, inject.name.as_deref(), time);
            copied.map_err(write_error(&dir))?;
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_complete {
            // The error that led here is the one to report.
            let _ = fs::remove_dir_all(&self.outermost);
        }
    }
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::WriteFile { path, source }
}

/// Refuses a directory that s2i has not written, or in which a user has put a source: its files would be lost.
fn check_own(path: &Path) -> Result<(), Error> {
    let is_empty =
        |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let is_own = match bounds::read_text_file(&path.join(MARK), bounds::FILE) {
        Ok(text) if text == GENERATED_TEXT => is_empty(&path.join("src")),
        Ok(_) => true,
        Err(_) => !path.exists() || is_empty(path),
    };
    if is_own {
        Ok(())
    } else {
        Err(Error::ContextExists { path: path.into() })
    }
}

/// Removes a directory that a run before has left.
fn remove_own(path: &Path) -> Result<(), Error> {
    check_own(path)?;
    let removed = fs::read_dir(path).and_then(|entries| {
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        fs::remove_dir_all(path)
    });
    match removed {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(write_error(path)(err)),
        _ => Ok(()),
    }
}
