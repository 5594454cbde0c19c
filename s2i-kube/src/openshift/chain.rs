//! A chain of builds: of the builder image, of the application, and of a small image with its artifacts.

use s2i_core::{EnvVar, ImageRef, mapping::MappingList};
use serde_json::{Value, json};
use thiserror::Error;

use super::{
    BuildConfig, DockerfileError, Git, ImageFiles, ImageName, ImagePath, Import, InlineDockerfile,
    Source, Strategy, StreamTag, StreamTagError, Webhook, dockerfile, stream::image_stream,
};
use crate::{Name, NameError, Reference, labels};

/// The suffix of the objects that build the application before its artifacts are copied.
const STAGE: &str = "build";

/// The namespace whose image streams every user of the platform may pull.
const SHARED: &str = "openshift";

/// The builds of an application. A new image at the start of the chain runs all of it.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The name of the application and of its objects.
    pub app: Name,
    /// The namespace; `None` leaves the choice to the client that applies the objects.
    pub namespace: Option<Reference>,
    /// The source of the application.
    pub source: Source,
    /// The builder image.
    pub builder: Builder,
    /// Variables of the scripts and of the image.
    pub env: Vec<EnvVar>,
    /// True if a build gets the artifacts of the last image.
    pub incremental: bool,
    /// The image that receives the artifacts; `None` if the application runs in its builder.
    pub runtime: Option<Runtime>,
    /// The tag of the image of the application.
    pub tag: String,
    /// The image in another registry that gets the result, in place of the image stream of the application.
    pub push_to: Option<ImageRef>,
    /// A Secret with the login for that registry.
    pub push_secret: Option<Reference>,
    /// A Secret with the login for the registry of the builder.
    pub pull_secret: Option<Reference>,
    /// Webhooks that start a build of the application.
    pub webhooks: Vec<Webhook>,
    /// The time in seconds after which each build fails; `None` for no limit.
    pub deadline: Option<u64>,
}

/// The origin of the builder image.
#[derive(Clone, Debug)]
pub enum Builder {
    /// An image stream that is there.
    Stream(StreamTag),
    /// An image of a registry that an image stream follows. A stream in a namespace of its own is shared with that of
    /// the application.
    Import(Import),
    /// An image of a registry without a stream: a new one starts no build.
    Registry(ImageRef),
    /// An image that is built from a Dockerfile in a repository.
    Build {
        /// The repository.
        source: Git,
        /// The base image, which replaces the last `FROM` of the Dockerfile; its stream makes a new one start a build.
        base: Option<Import>,
        /// The path of the Dockerfile; `None` for `Dockerfile`.
        dockerfile_path: Option<String>,
        /// The tag that the image gets.
        to: StreamTag,
    },
}

/// The image that receives the artifacts of a build.
#[derive(Clone, Debug)]
pub enum Runtime {
    /// A Dockerfile that copies these files of the built image.
    Dockerfile {
        /// The Dockerfile.
        dockerfile: InlineDockerfile,
        /// The files.
        paths: Vec<ImagePath>,
    },
    /// A base image, and the artifacts as `s2i build --runtime-image` takes them. Its stream makes a new one start a
    /// build.
    Image {
        /// The image; `scratch` for none.
        image: ImageRef,
        /// The artifacts.
        artifacts: MappingList,
    },
}

/// An error of a chain of builds that can't have objects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// The name of an object is not valid.
    #[error("the objects of `{app}` have no name")]
    Name {
        /// The application.
        app: Name,
        /// The reason.
        source: NameError,
    },
    /// A tag is not valid.
    #[error("the image of `{app}` has no name")]
    Tag {
        /// The application.
        app: Name,
        /// The reason.
        source: StreamTagError,
    },
    /// A Dockerfile can't be made.
    #[error("no Dockerfile can be made for the image of `{app}`")]
    Dockerfile {
        /// The application.
        app: Name,
        /// The reason.
        source: DockerfileError,
    },
    /// The image stream of the builder is in another namespace, and that of the application is not known.
    #[error(
        "the builder `{builder}` can't be shared with a namespace that has no name: name the namespace of `{app}`"
    )]
    Namespace {
        /// The application.
        app: Name,
        /// The builder.
        builder: StreamTag,
    },
    /// An image stream has two uses.
    #[error(
        "`{app}` has the image stream `{stream}` twice in its chain, where a build would start itself: give the \
         application or the builder another name"
    )]
    OneStream {
        /// The application.
        app: Name,
        /// The stream.
        stream: Reference,
    },
    /// An application from files that a client sends has webhooks.
    #[error("no webhook can start a build of `{0}`: its source comes with each build")]
    BinaryWebhook(Name),
}

impl Chain {
    /// The builds of an application without a runtime image, variables and webhooks.
    #[must_use]
    pub fn new(app: Name, source: Source, builder: Builder) -> Self {
        Self {
            app,
            namespace: None,
            source,
            builder,
            env: Vec::new(),
            incremental: false,
            runtime: None,
            tag: "latest".into(),
            push_to: None,
            push_secret: None,
            pull_secret: None,
            webhooks: Vec::new(),
            deadline: None,
        }
    }

    /// Returns the image streams and the builds, in the order in which they are applied.
    ///
    /// # Errors
    /// [`ChainError`] for names that are not valid or used twice, a Dockerfile that is too long, a builder that can't be
    /// shared, and webhooks without a source that they could build.
    pub fn objects(&self) -> Result<Vec<Value>, ChainError> {
        if matches!(self.source, Source::Binary { .. }) && !self.webhooks.is_empty() {
            return Err(ChainError::BinaryWebhook(self.app.clone()));
        }
        self.check_streams()?;
        self.all_objects()
    }

    /// Checks that no stream has two uses: a build would start itself again and again.
    fn check_streams(&self) -> Result<(), ChainError> {
        let mut used: Vec<StreamTag> = Vec::new();
        match &self.builder {
            Builder::Stream(tag) => used.push(tag.clone()),
            Builder::Import(import) => used.push(import.to.clone()),
            Builder::Registry(_) => {}
            Builder::Build { base, to, .. } => {
                used.extend(base.iter().map(|base| base.to.clone()));
                used.push(to.clone());
            }
        }
        if let Some(runtime) = &self.runtime {
            used.push(self.tag_of(self.stage()?)?);
            if let Runtime::Image { image, .. } = runtime {
                used.extend(self.base(image)?.map(|base| base.to));
            }
        }
        used.extend(self.stream_tag()?);
        let mut places = Vec::new();
        for tag in used {
            let namespace = tag.namespace.or_else(|| self.namespace.clone());
            let place = (namespace, tag.stream);
            if places.contains(&place) {
                return Err(ChainError::OneStream {
                    app: self.app.clone(),
                    stream: place.1,
                });
            }
            places.push(place);
        }
        Ok(())
    }

    fn all_objects(&self) -> Result<Vec<Value>, ChainError> {
        let mut objects = self.builder_objects()?;
        let result = self.result()?;
        let Some(runtime) = &self.runtime else {
            objects.extend(self.stream(&result));
            objects.push(self.application(self.app.clone(), result));
            return Ok(objects);
        };
        let stage = self.stage()?;
        let built = self.tag_of(stage.clone())?;
        objects.push(self.image_stream(&built));
        objects.extend(self.stream(&result));
        objects.push(self.application(stage, ImageName::Stream(built.clone())));
        objects.extend(self.runtime_objects(runtime, built, result)?);
        Ok(objects)
    }

    fn stream_tag(&self) -> Result<Option<StreamTag>, ChainError> {
        Ok(match self.result()? {
            ImageName::Stream(tag) => Some(tag),
            ImageName::Registry(_) => None,
        })
    }

    /// Returns the name of the image of the application: a tag of an image stream, unless another registry gets it.
    ///
    /// # Errors
    /// [`ChainError::Tag`].
    pub fn result(&self) -> Result<ImageName, ChainError> {
        match &self.push_to {
            Some(image) => Ok(ImageName::Registry(image.clone())),
            None => self.tag_of(self.app.clone()).map(ImageName::Stream),
        }
    }

    fn tag_of(&self, stream: Name) -> Result<StreamTag, ChainError> {
        StreamTag::new(stream, &self.tag).map_err(|source| ChainError::Tag {
            app: self.app.clone(),
            source,
        })
    }

    fn stage(&self) -> Result<Name, ChainError> {
        self.suffixed(STAGE)
    }

    fn suffixed(&self, suffix: &str) -> Result<Name, ChainError> {
        let name = self.app.with_suffix(suffix);
        name.map_err(|source| ChainError::Name {
            app: self.app.clone(),
            source,
        })
    }

    /// Returns the image stream that receives an image, if it goes into one.
    fn stream(&self, image: &ImageName) -> Option<Value> {
        match image {
            ImageName::Stream(tag) => Some(self.image_stream(tag)),
            ImageName::Registry(_) => None,
        }
    }

    fn image_stream(&self, tag: &StreamTag) -> Value {
        let mut tag = tag.clone();
        tag.namespace = tag.namespace.or_else(|| self.namespace.clone());
        image_stream(Some(&self.app), &tag)
    }

    /// Returns the build of the application with its builder.
    fn application(&self, name: Name, output: ImageName) -> Value {
        let from = match &self.builder {
            Builder::Stream(tag) | Builder::Build { to: tag, .. } => ImageName::Stream(tag.clone()),
            Builder::Import(import) => ImageName::Stream(import.to.clone()),
            Builder::Registry(image) => ImageName::Registry(image.clone()),
        };
        let mut config = self.config(name, self.source.clone(), output);
        config.strategy = Strategy::Source {
            from,
            incremental: self.incremental,
            env: self.env.clone(),
            pull_secret: self.pull_secret.clone(),
        };
        config.webhooks.clone_from(&self.webhooks);
        config.object()
    }

    /// Returns a build with the settings of the chain, from the Dockerfile of its source.
    fn config(&self, name: Name, source: Source, output: ImageName) -> BuildConfig {
        let is_pushed = matches!(output, ImageName::Registry(_));
        BuildConfig {
            name,
            app: self.app.clone(),
            namespace: self.namespace.clone(),
            source,
            strategy: Strategy::Docker {
                from: None,
                dockerfile_path: None,
            },
            output,
            push_secret: self.push_secret.clone().filter(|_| is_pushed),
            webhooks: Vec::new(),
            deadline: self.deadline,
        }
    }

    fn builder_objects(&self) -> Result<Vec<Value>, ChainError> {
        match &self.builder {
            Builder::Stream(_) | Builder::Registry(_) => Ok(Vec::new()),
            Builder::Import(import) => {
                let stream = self.import(import);
                let share = self.share(&import.to)?;
                Ok([stream].into_iter().chain(share).collect())
            }
            Builder::Build {
                source,
                base,
                dockerfile_path,
                to,
            } => {
                let name = Name::suggest(to.stream.as_str());
                let name = name.map_or_else(|| self.suffixed("builder"), Ok)?;
                let output = ImageName::Stream(to.clone());
                let mut config = self.config(name, Source::Git(source.clone()), output);
                config.strategy = Strategy::Docker {
                    from: base.as_ref().map(|base| ImageName::Stream(base.to.clone())),
                    dockerfile_path: dockerfile_path.clone(),
                };
                let base = base.iter().map(|base| self.import(base));
                let stream = self.image_stream(to);
                Ok(base.chain([stream, config.object()]).collect())
            }
        }
    }

    fn import(&self, import: &Import) -> Value {
        let mut import = import.clone();
        let namespace = import.to.namespace.take();
        import.to.namespace = namespace.or_else(|| self.namespace.clone());
        import.object(Some(&self.app))
    }

    /// Returns the right to pull from another namespace, which the service accounts of the application need.
    fn share(&self, builder: &StreamTag) -> Result<Option<Value>, ChainError> {
        let owner = match &builder.namespace {
            Some(owner) if owner.as_str() != SHARED && builder.namespace != self.namespace => owner,
            _ => return Ok(None),
        };
        let Some(namespace) = &self.namespace else {
            return Err(ChainError::Namespace {
                app: self.app.clone(),
                builder: builder.clone(),
            });
        };
        let name = format!("{namespace}-image-puller");
        let group = format!("system:serviceaccounts:{namespace}");
        Ok(Some(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": owner, "labels": labels::of_build(&self.app)},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:image-puller"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
        })))
    }

    /// Returns the build of the small image, and the stream of its base.
    fn runtime_objects(
        &self,
        runtime: &Runtime,
        built: StreamTag,
        result: ImageName,
    ) -> Result<Vec<Value>, ChainError> {
        let dockerfile_error = |source| ChainError::Dockerfile {
            app: self.app.clone(),
            source,
        };
        let (dockerfile, paths, base) = match runtime {
            Runtime::Dockerfile { dockerfile, paths } => (dockerfile.clone(), paths.clone(), None),
            Runtime::Image { image, artifacts } => {
                let made = dockerfile::of_artifacts(image, artifacts);
                let (dockerfile, paths) = made.map_err(dockerfile_error)?;
                (dockerfile, paths, self.base(image)?)
            }
        };
        let images = vec![ImageFiles { from: built, paths }];
        let source = Source::Dockerfile { dockerfile, images };
        let mut config = self.config(self.app.clone(), source, result);
        config.strategy = Strategy::Docker {
            from: base.as_ref().map(|base| ImageName::Stream(base.to.clone())),
            dockerfile_path: None,
        };
        let base = base.iter().map(|base| self.import(base));
        Ok(base.chain([config.object()]).collect())
    }

    /// Returns the stream that follows the runtime image; `None` for `scratch`.
    fn base(&self, image: &ImageRef) -> Result<Option<Import>, ChainError> {
        if image.to_string() == "scratch" {
            return Ok(None);
        }
        let to = self.tag_of_import(self.suffixed("runtime")?, image)?;
        Ok(Some(Import::new(to, image.clone())))
    }

    fn tag_of_import(&self, stream: Name, image: &ImageRef) -> Result<StreamTag, ChainError> {
        StreamTag::new(stream, image.tag_or_latest()).map_err(|source| ChainError::Tag {
            app: self.app.clone(),
            source,
        })
    }
}
