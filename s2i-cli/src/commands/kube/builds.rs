//! `s2i kube imagestream`, `buildconfig` and `new-app`.

use s2i_core::mapping::MappingList;
use s2i_kube::{
    Name,
    openshift::{
        self, Builder, Chain, ImagePath, Import, InlineDockerfile, Runtime, Source,
        builder_and_source,
    },
};
use serde_json::Value;

use super::{
    KubeError, app,
    source::{self, GitOptions},
};
use crate::{
    args::kube::{BuildArgs, BuildConfig, ImageStream, NewApp},
    context::CommandContext,
    error::Error,
    files,
};

pub(super) fn image_stream(args: &ImageStream, context: &CommandContext<'_>) -> Value {
    let mut tag = args.tag.clone();
    tag.namespace = tag.namespace.or_else(|| args.objects.namespace.clone());
    let name = Name::suggest(tag.stream.as_str());
    match &args.image {
        Some(image) => {
            let mut import = Import::new(tag, image.clone());
            import.scheduled = !args.once;
            import.insecure = !context.global.tls_verify;
            import.object(name.as_ref())
        }
        None => openshift::image_stream(name.as_ref(), &tag),
    }
}

pub(super) fn build_config(args: &BuildConfig) -> Result<Vec<Value>, Error> {
    let options = (&args.build.repository).into();
    let source = if args.binary {
        Source::Binary {
            context_dir: args.build.repository.context_dir.clone(),
        }
    } else {
        Source::Git(source::git(&args.source, &options)?)
    };
    let app = args.app.stream.as_str();
    let app: Name = app.parse().map_err(|_| KubeError::NoName(app.into()))?;
    let builder = openshift::builder(&args.builder).map_err(KubeError::from)?;
    let mut chain = Chain::new(app, source, builder);
    chain.tag = args.app.tag().into();
    let own = args.app.namespace.as_ref();
    chain.namespace = own.or(args.objects.namespace.as_ref()).cloned();
    apply(&mut chain, &args.build)?;
    Ok(chain.objects().map_err(KubeError::from)?)
}

pub(super) async fn new_app(
    args: &NewApp,
    context: &CommandContext<'_>,
) -> Result<Vec<Value>, Error> {
    let (mut builder, source) = builder_and_source(&args.source).map_err(KubeError::from)?;
    let Source::Git(git) = source else {
        unreachable!("the source of a URL is a repository");
    };
    let name = source::of_url(args.name.as_ref(), &git.uri)?;
    let git = source::with_options(git, &(&args.build.repository).into())?;
    if let Builder::Import(import) = &mut builder {
        import.to.namespace.clone_from(&args.builder_namespace);
        import.insecure = !context.global.tls_verify;
    }
    let config = match &builder {
        Builder::Import(import) if !args.ports.offline && args.ports.given.is_empty() => {
            Some(app::config(&import.from, context).await?)
        }
        _ => None,
    };
    let mut chain = Chain::new(name, Source::Git(git), builder);
    chain.namespace.clone_from(&args.objects.namespace);
    apply(&mut chain, &args.build)?;
    let mut new = openshift::NewApp::new(chain);
    new.ports = app::ports(&args.ports, config.as_ref(), context);
    new.readiness = args.ports.readiness.as_ref().map(app::probe);
    Ok(new.objects().map_err(KubeError::from)?)
}

/// Sets what the options have.
fn apply(chain: &mut Chain, args: &BuildArgs) -> Result<(), Error> {
    chain.env.clone_from(&args.repository.env);
    chain.incremental = args.repository.incremental;
    chain.push_to.clone_from(&args.push_to);
    chain.push_secret.clone_from(&args.push_secret);
    chain.pull_secret.clone_from(&args.pull_secret);
    chain.webhooks.clone_from(&args.webhooks);
    chain.deadline = args.deadline;
    if let Some(url) = &args.builder_source {
        chain.builder = built(&chain.builder, url, args)?;
    }
    let artifacts = args.runtime_artifact.iter();
    let artifacts = MappingList(artifacts.flat_map(|list| list.0.clone()).collect());
    if let Some(image) = args.runtime_image.clone() {
        chain.runtime = Some(Runtime::Image { image, artifacts });
    } else if let Some(file) = &args.runtime_dockerfile {
        let dockerfile = InlineDockerfile::new(files::read(file)?).map_err(KubeError::from)?;
        let paths = artifacts.0.iter();
        let paths = paths.map(|path| ImagePath::new(&path.source, &path.destination));
        let paths = paths.collect::<Result<_, _>>().map_err(KubeError::from)?;
        chain.runtime = Some(Runtime::Dockerfile { dockerfile, paths });
    }
    Ok(())
}

/// Returns the builder that is built from a repository, under the name of the given one.
fn built(builder: &Builder, url: &str, args: &BuildArgs) -> Result<Builder, KubeError> {
    let options = GitOptions {
        reference: None,
        context_dir: None,
        secret: args.repository.git_secret.as_ref(),
    };
    let base = args.builder_base.clone().map(openshift::import);
    let to = match builder {
        Builder::Stream(tag) => tag.clone(),
        Builder::Import(import) => import.to.clone(),
        Builder::Registry(_) | Builder::Build { .. } => return Ok(builder.clone()),
    };
    Ok(Builder::Build {
        source: source::with_options(openshift::git(url), &options)?,
        base: base.transpose()?,
        dockerfile_path: None,
        to,
    })
}
