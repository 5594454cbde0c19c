//! `s2i build --as-dockerfile`: writes a Dockerfile with the source beside it, without an engine.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use s2i_build::{
    BuildContext, BuildError, BuildFailure, CancelToken, EngineError,
    event::{Event, EventSink as _},
    facts::ImageFacts,
    plan::DOCKERFILE_SOURCE_DIR,
    ports::ImageResolver,
    request::{Builder, PullPolicy},
    stream::Tree,
};
use s2i_core::ImageRef;
use serde_json::json;

use super::{Setting, build};
use crate::{args::Build, error::Error, reading::reading, render::Renderer, request};

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
    setting: &Setting<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let Setting { global, host, .. } = setting;
    let file = args.as_dockerfile.as_deref();
    let file = place(&host.working_dir.join(file.unwrap_or(Path::new(FILE_NAME))));
    let dir = file.parent().unwrap_or(&host.working_dir).to_owned();
    let source_dir = dir.join(DOCKERFILE_SOURCE_DIR);
    if source_dir.exists() {
        let source = io::ErrorKind::AlreadyExists.into();
        let path = source_dir;
        return Err(Error::WriteFile { path, source });
    }
    let (mut request, diagnostics) = request::build(args, setting, cancel).await?;
    if let Builder::Either(builder) = request.builder {
        request.builder = Builder::Named(builder);
    }
    request.source.foreign.push(source_dir.clone());
    let renderer = Renderer::new(global.progress, args.quiet, host);
    for problem in diagnostics {
        renderer.event(Event::Warning(problem));
    }
    let images = AssumedImages {
        result: request.tag.clone(),
    };
    let source = build::source(host);
    let prepared = s2i_build::prepare(&images, &source, &request, &renderer, cancel).await?;
    let text = prepared.plan().to_dockerfile();
    let text = text.map_err(|err| BuildFailure::from(BuildError::Dockerfile(err)))?;
    let (tree, path) = (prepared.source(), file.clone());
    let write = move || write(&path, &text, &source_dir, tree);
    reading(write, cancel).await?;
    let shown = file.display();
    let object = json!({"event": "dockerfile", "file": file});
    renderer.answer(&format!("{shown}\n"), &object);
    Ok(())
}

/// Returns the path of the Dockerfile, which has its usual name in a directory.
fn place(file: &Path) -> PathBuf {
    let is_directory = file.is_dir() || file.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_directory {
        file.join(FILE_NAME)
    } else {
        file.to_owned()
    }
}

/// Writes both. Removes the directory of the source after an error.
fn write(file: &Path, text: &str, source_dir: &Path, tree: Tree) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::WriteFile { path, source }
    };
    fs::create_dir_all(source_dir).map_err(failed(source_dir))?;
    let written = tree
        .copy_into(source_dir)
        .map_err(failed(source_dir))
        .and_then(|()| fs::write(file, text).map_err(failed(file)));
    if written.is_err() {
        // The error of the write is the one to report.
        let _ = fs::remove_dir_all(source_dir);
    }
    written
}
