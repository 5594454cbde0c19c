//! `s2i build --as-dockerfile`: writes a Dockerfile with the source beside it, without an engine.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use s2i_build::{
    BuildContext, BuildError, BuildFailure, CancelToken, EngineError, Resource,
    facts::ImageFacts,
    plan::DOCKERFILE_SOURCE_DIR,
    ports::ImageResolver,
    request::{Builder, PullPolicy},
    resource::Tracked,
    stream::Tree,
};
use s2i_core::ImageRef;
use serde_json::json;

use super::build;
use crate::{
    args::Build, context::CommandContext, error::Error, files::interruptible, render::Renderer,
    request,
};

/// The file name if the argument is a directory.
const FILE_NAME: &str = "Dockerfile";

/// Images that are not looked up: each is assumed to be a builder, except the one with the name of the result.
struct AssumedImages {
    result: Option<ImageRef>,
}

impl ImageResolver for AssumedImages {
    async fn resolve(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        _context: BuildContext<'_>,
    ) -> Result<ImageFacts, EngineError> {
        // Only the look-up of the result's name never pulls.
        let is_result = self.result.as_ref().is_some_and(|result| {
            policy == PullPolicy::Never && result.normalised() == image.normalised()
        });
        if is_result {
            let image = image.clone();
            return Err(EngineError::NoSuchImage { image });
        }
        Ok(ImageFacts::assumed(image))
    }
}

/// Writes the Dockerfile and its context.
pub(crate) async fn run(
    args: &Build,
    file: &Path,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let CommandContext { global, host, .. } = context;
    let mut file = host.working_dir.join(file);
    if file.is_dir() || file.as_os_str().as_encoded_bytes().ends_with(b"/") {
        file.push(FILE_NAME);
    }
    let dir = file.parent().unwrap_or(&host.working_dir).to_owned();
    let source_dir = SourceDir::create(dir.join(DOCKERFILE_SOURCE_DIR), cancel)?;
    let (mut request, diagnostics) = request::build(args, context, cancel).await?;
    if let Builder::Either(builder) = request.builder {
        request.builder = Builder::Named(builder);
    }
    // It may lie in the source.
    request
        .source
        .excluded_dirs
        .push(source_dir.outermost.clone());
    let renderer = Renderer::new(global, args.quiet, host);
    renderer.warnings(diagnostics);
    let images = AssumedImages {
        result: request.tag.clone(),
    };
    let source = build::source(host);
    let prepared = s2i_build::prepare(&images, &source, &request, &renderer, cancel).await?;
    let text = prepared.plan().to_dockerfile();
    let text = text.map_err(|err| BuildFailure::from(BuildError::Dockerfile(err)))?;
    let object = json!({"event": "dockerfile", "file": file});
    let answer = format!("{}\n", file.display());
    let (tree, token) = (prepared.source(), cancel.clone());
    let write = move || source_dir.complete(tree, &file, &text, &token);
    interruptible(write, cancel).await?;
    renderer.answer(&answer, &object);
    Ok(ExitCode::SUCCESS)
}

/// The directory of the source beside the Dockerfile. It is removed unless it is completed.
struct SourceDir {
    path: PathBuf,
    /// The outermost directory that was created for it.
    outermost: PathBuf,
    is_complete: bool,
    _tracked: Tracked,
}

impl SourceDir {
    /// Creates the directory, which must not exist: files of another source would stay in it.
    fn create(path: PathBuf, cancel: &CancelToken) -> Result<Self, Error> {
        if path.exists() {
            return Err(Error::ContextExists { path });
        }
        let new = path.ancestors().take_while(|above| !above.exists());
        let outermost = new.last().unwrap_or(&path).to_owned();
        let tracked = cancel.track(Resource::Context(outermost.clone()));
        let tracked = tracked.map_err(|reason| BuildFailure::from(EngineError::from(reason)))?;
        let created = fs::create_dir_all(&path);
        let dir = Self {
            path,
            outermost,
            is_complete: false,
            _tracked: tracked,
        };
        created.map_err(dir.write_error())?;
        Ok(dir)
    }

    fn write_error(&self) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = self.path.clone();
        move |source| Error::WriteFile { path, source }
    }

    /// Copies the source and writes the Dockerfile.
    fn complete(
        mut self,
        tree: Tree,
        file: &Path,
        text: &str,
        cancel: &CancelToken,
    ) -> Result<(), Error> {
        tree.copy_into(&self.path, cancel)
            .map_err(self.write_error())?;
        fs::write(file, text).map_err(|source| Error::WriteFile {
            path: file.to_owned(),
            source,
        })?;
        self.is_complete = true;
        Ok(())
    }
}

impl Drop for SourceDir {
    fn drop(&mut self) {
        if !self.is_complete {
            // The error that led here is the one to report.
            let _ = fs::remove_dir_all(&self.outermost);
        }
    }
}
