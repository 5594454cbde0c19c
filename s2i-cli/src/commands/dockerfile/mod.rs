//! `s2i build --as-dockerfile` and `s2i generate`: write a Dockerfile with its context, without an engine.

mod images;
mod upload;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use s2i_build::{
    BuildContext, BuildError, BuildFailure, CancelToken, SourceError,
    facts::SourceFacts,
    plan::PlanError,
    ports::SourceReader,
    request::{BuildRequest, Builder, PullPolicy, SourceRequest},
    source::Fetched,
};
use s2i_core::ImageRef;

use self::{images::LabelledImages, upload::Upload};
use crate::{
    args::{Build, FormArgs, Generate},
    context::CommandContext,
    error::Error,
    files::interruptible,
    host::Host,
    render::Renderer,
    request,
    sources::Sources,
};

/// The file name if the argument is a directory.
const FILE_NAME: &str = "Dockerfile";

/// The transport of image names that `generate` of the Go tool takes.
const TRANSPORT: &str = "docker://";

/// Writes the Dockerfile of a build and its context.
pub(crate) async fn run(
    args: &Build,
    file: &Path,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let CommandContext { global, host, .. } = context;
    let file = dockerfile(host, file);
    let upload = Upload::create(&file, false, cancel)?;
    let (mut request, diagnostics) = request::build(args, context, cancel).await?;
    if let Builder::Either(builder) = request.builder {
        request.builder = Builder::Named(builder);
        if request.previous.is_some() {
            return Err(BuildFailure::from(PlanError::NoTag).into());
        }
    }
    // They may lie in the source.
    let own = [upload.outermost(), upload.path(), &file].map(Path::to_owned);
    request.source.excluded_dirs.extend(own);
    let renderer = Renderer::new(global, args.quiet, host);
    renderer.warnings(diagnostics);
    let source = Sources::new(host, request.trust.clone());
    let form = &args.dockerfile.form;
    let writing = write(&source, &request, form, upload, &renderer, context, cancel);
    Box::pin(writing).await?;
    renderer.dockerfile(&file, host);
    Ok(ExitCode::SUCCESS)
}

/// Writes a Dockerfile for a builder, with an empty source.
pub(crate) async fn generate(
    args: &Generate,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    let CommandContext { global, host, .. } = context;
    let name = &args.builder;
    let builder: ImageRef = name.strip_prefix(TRANSPORT).unwrap_or(name).parse()?;
    let upload = Upload::create(&dockerfile(host, &args.file), true, cancel)?;
    let nowhere = ".".parse().expect("a directory");
    let request = BuildRequest {
        env: args.env.clone(),
        assemble_user: request::not_empty(args.assemble_user.as_ref()),
        assemble_runtime_user: request::not_empty(args.assemble_runtime_user.as_ref()),
        ..BuildRequest::new(nowhere, builder)
    };
    let renderer = Renderer::new(global, args.quiet, host);
    let source = NoSource(upload.source());
    let (form, renderer) = (&args.form, &renderer);
    let writing = write(&source, &request, form, upload, renderer, context, cancel);
    Box::pin(writing).await?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the path of the Dockerfile.
fn dockerfile(host: &Host, file: &Path) -> PathBuf {
    let mut path = host.working_dir.join(file);
    if path.is_dir() || file.as_os_str().as_encoded_bytes().ends_with(b"/") {
        path.push(FILE_NAME);
    }
    path
}

/// Plans the build and writes the Dockerfile and the context.
async fn write(
    source: &impl SourceReader,
    request: &BuildRequest,
    form: &FormArgs,
    upload: Upload,
    renderer: &Renderer,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let asks = request.builder_pull != PullPolicy::Never;
    let results = request.tag.iter().chain(&request.other_tags);
    let results = results.cloned().collect();
    let images = LabelledImages::new(results, form.image_scripts_url(), asks, context)?;
    let prepared = s2i_build::prepare(&images, source, request, renderer, cancel).await?;
    let text = prepared.plan().to_dockerfile(form.form());
    let text = text.map_err(|err| BuildFailure::from(BuildError::Dockerfile(err)))?;
    let token = cancel.clone();
    let complete = move || upload.complete(&prepared, &text, &token);
    Box::pin(interruptible(complete, cancel)).await
}

/// The reader of a source that is not there yet: an empty directory.
struct NoSource(PathBuf);

impl SourceReader for NoSource {
    async fn fetch(
        &self,
        _request: &SourceRequest,
        _context: BuildContext<'_>,
    ) -> Result<Fetched, SourceError> {
        Fetched::from_parts(&self.0, SourceFacts::default())
    }
}
