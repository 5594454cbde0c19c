//! The bundle of a container: its directory in the store, and its processes.

use std::{
    cell::RefCell,
    ffi::OsString,
    fs, io,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use s2i_build::{
    CancelToken, EngineError, event::Progress, ports::Operation, request::HostName,
    session::Transport, transfer::TransferKind,
};
use s2i_core::{ContainerPath, ImageRef};
use s2i_oci::{
    overlay::{Dialect, is_opaque},
    store::{Store, StoredImage, Unpacking},
};

use crate::{
    error::failed,
    layers,
    sandbox::{Bind, Limits, Network, Overlay, Program, Running, Sandbox},
    source::{Source, StagedSource},
    tracked::{TrackedWork, cancellable, or_reason},
};

/// The upper directory of the container's root, in the bundle: its changes, and the source that was staged.
const UPPER: &str = "upper";

/// The directory for overlayfs itself, beside it.
const WORK: &str = "work";

/// The same two directories for the mounted artifacts.
const ARTIFACTS_UPPER: &str = "artifacts";
const ARTIFACTS_WORK: &str = "artifacts-work";

/// The number of digits of a layer's digest that are shown.
const SHORT_DIGEST: usize = 12;

/// The host name of all containers, so that no build depends on it.
const HOSTNAME: &str = "s2i";

/// The time by which file times may lag behind the clock: a tick of the kernel.
const TICK: Duration = Duration::from_millis(20);

/// The time that the agent may take to end after its input has ended.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval at which cancellation is checked meanwhile.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);

/// The configuration of a container.
pub(crate) struct ContainerConfig {
    pub(crate) name: ImageRef,
    pub(crate) image: StoredImage,
    pub(crate) network: Network,
    pub(crate) program: Program,
    pub(crate) limits: Limits,
    pub(crate) artifacts: Option<ArtifactMount>,
    pub(crate) source: Option<Source>,
    /// Directories and files of the host.
    pub(crate) binds: Vec<Bind>,
    /// Names of hosts beside those of this machine.
    pub(crate) hosts: Vec<HostName>,
    /// Directories that are empty and not kept.
    pub(crate) tmpfs: Vec<PathBuf>,
    /// True if everything else is read-only.
    pub(crate) read_only: bool,
}

/// A directory of an image that is mounted in a container, with an upper directory for the changes.
pub(crate) struct ArtifactMount {
    pub(crate) image: StoredImage,
    pub(crate) directory: ContainerPath,
    pub(crate) at: ContainerPath,
}

/// A directory of the store and the container that uses it. Dropping the bundle kills the container and removes the
/// directory.
pub(crate) struct Bundle {
    pub(crate) store: Store,
    pub(crate) base: StoredImage,
    /// A time before all changes of the container.
    pub(crate) started: SystemTime,
    /// The path of the artifacts, if they are mounted.
    pub(crate) artifacts: Option<ContainerPath>,
    /// The path of the source, if it was staged.
    pub(crate) source: Option<ContainerPath>,
    pub(crate) name: ImageRef,
    // Dropped before the directory that the processes use.
    pub(crate) running: Option<Running>,
    work: TrackedWork,
}

/// A bundle whose container has not started.
pub(crate) struct PreparedBundle {
    pub(crate) bundle: Bundle,
    pub(crate) sandbox: Sandbox,
    /// The source, if it can be copied before the container starts.
    pub(crate) staged: Option<StagedSource>,
}

impl Bundle {
    /// Makes the bundle of a container. A cancelled command fails with the reason.
    pub(crate) fn prepare(
        store: &Store,
        config: ContainerConfig,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> Result<PreparedBundle, EngineError> {
        let store = cancellable(store, cancel);
        or_reason(Self::prepare_in(&store, config, progress, cancel), cancel)
    }

    fn prepare_in(
        store: &Store,
        mut config: ContainerConfig,
        progress: &Progress<'_>,
        cancel: &CancelToken,
    ) -> Result<PreparedBundle, EngineError> {
        let mounted = config.artifacts.iter().map(|mount| &mount.image);
        let images: Vec<_> = std::iter::once(&config.image).chain(mounted).collect();
        let cannot = failed(Operation::MakeBundle, &config.name);
        let work = TrackedWork::make(store, &images, cancel, cannot)?;
        let mut bundle = Self {
            store: store.clone(),
            base: config.image.clone(),
            started: SystemTime::now() - TICK,
            running: None,
            artifacts: None,
            source: None,
            work,
            name: config.name.clone(),
        };
        let source = config.source.take();
        let sandbox = bundle.sandbox(&config, progress)?;
        let prepare = |source: Source| {
            source.prepare_upper_dir(&sandbox.lowers, &sandbox.upper, store.dialect())
        };
        let staged = source.map(prepare).transpose();
        let staged = staged.map_err(failed(Operation::MakeSourceDir, &config.name))?;
        Ok(PreparedBundle {
            bundle,
            sandbox,
            staged: staged.flatten(),
        })
    }

    /// Starts the container.
    pub(crate) fn start(
        &self,
        sandbox: &Sandbox,
        agent: Option<&[u8]>,
    ) -> Result<(Running, Transport), EngineError> {
        let pipe = Stdio::piped;
        let running = sandbox.spawn(agent, pipe(), pipe(), pipe());
        let mut running = running.map_err(failed(Operation::StartContainer, &self.name))?;
        let transport = Transport::over(
            running.stdin.take().expect("a pipe"),
            running.stdout.take().expect("a pipe"),
            running.stderr.take().expect("a pipe"),
        );
        Ok((running, transport))
    }

    fn sandbox(
        &mut self,
        config: &ContainerConfig,
        progress: &Progress<'_>,
    ) -> Result<Sandbox, EngineError> {
        let lowers = self.layers(&self.base, progress)?;
        let work = self.work.path().join(WORK);
        make_dirs(&[&self.upper(), &work])?;
        let artifacts = match &config.artifacts {
            Some(mount) => self.mount_artifacts(mount, &lowers, progress)?,
            None => None,
        };
        self.artifacts = artifacts.as_ref().map(|(at, _)| at.clone());
        Ok(Sandbox {
            lowers,
            upper: self.upper(),
            work,
            user_xattrs: self.store.dialect() == Dialect::User,
            network: config.network,
            hostname: HOSTNAME.into(),
            limits: config.limits,
            overlays: artifacts.map(|(_, overlay)| overlay).into_iter().collect(),
            tmpfs: config.tmpfs.clone(),
            binds: config.binds.clone(),
            hosts: config.hosts.clone(),
            read_only: config.read_only,
            program: config.program.clone(),
        })
    }

    /// Returns the layers of an image, the topmost first, without those that an opaque one hides.
    pub(crate) fn layers(
        &self,
        image: &StoredImage,
        progress: &Progress<'_>,
    ) -> Result<Vec<PathBuf>, EngineError> {
        let transfer = RefCell::new(None);
        let report = |unpacking: Unpacking| {
            let Unpacking { layer, bytes, .. } = unpacking;
            let mut transfer = transfer.borrow_mut();
            if unpacking.read == 0 {
                let layer = layer.hex()[..SHORT_DIGEST].to_owned();
                *transfer = Some(progress.layer_transfer(TransferKind::Unpack, layer, None));
            }
            if let Some(transfer) = &*transfer {
                transfer.report(unpacking.read, Some(bytes));
            }
        };
        let trees = self.store.trees(image, &report);
        let mut layers = trees.map_err(failed(Operation::UnpackImage, &self.name))?;
        layers.reverse();
        // overlayfs does not look for the mark at the root of a layer.
        let hides = |tree: &PathBuf| is_opaque(tree, self.store.dialect()).unwrap_or(false);
        if let Some(last) = layers.iter().position(hides) {
            layers.truncate(last + 1);
        }
        Ok(layers)
    }

    /// Returns the mount of the artifacts and its path; `None` if they are not a plain directory in their image, or if
    /// the container's image has a file or directory at the path.
    fn mount_artifacts(
        &self,
        mount: &ArtifactMount,
        own: &[PathBuf],
        progress: &Progress<'_>,
    ) -> Result<Option<(ContainerPath, Overlay)>, EngineError> {
        let dialect = self.store.dialect();
        let cannot = || failed(Operation::FindArtifacts, &mount.directory);
        let [directory, at] = [&mount.directory, &mount.at].map(layers::below_root);
        let layers = self.layers(&mount.image, progress)?;
        let lowers = layers::layers_of(&layers, directory, dialect).map_err(cannot())?;
        let is_free = layers::is_free(own, at, dialect).map_err(cannot())?
            && layers::has_parent(own, at, dialect).map_err(cannot())?;
        let Some(lowers) = lowers.filter(|_| is_free) else {
            return Ok(None);
        };
        let [upper, work] =
            [ARTIFACTS_UPPER, ARTIFACTS_WORK].map(|name| self.work.path().join(name));
        make_dirs(&[&upper, &work])?;
        let overlay = Overlay {
            lowers,
            upper,
            work,
            at: mount.at.as_str().into(),
        };
        Ok(Some((mount.at.clone(), overlay)))
    }

    /// Notes that the container runs an application, which may take its time to end.
    pub(crate) fn note_application(&self) {
        self.work.note_application();
    }

    /// Returns the directory with the changes of the container, as overlayfs writes them. Complete once the container
    /// has ended.
    pub(crate) fn upper(&self) -> PathBuf {
        self.work.path().join(UPPER)
    }

    /// Returns the path to which the agent moves files that are to be removed: at the container's root, with a prefix
    /// that no other bundle has.
    pub(crate) fn aside(&self) -> ContainerPath {
        let path = format!("/{}", self.aside_prefix());
        path.parse().expect("letters and digits")
    }

    fn aside_prefix(&self) -> String {
        let own = self.work.path().file_name().unwrap_or_default();
        format!(".s2i-{}-", own.display())
    }

    /// Moves these files from the container to the bundle and returns their names there.
    pub(crate) fn take_aside(&self) -> Result<Vec<OsString>, EngineError> {
        let (upper, prefix) = (self.upper(), self.aside_prefix());
        let take = || -> io::Result<Vec<OsString>> {
            let mut taken = Vec::new();
            for entry in fs::read_dir(&upper)? {
                let name = entry?.file_name();
                if name.as_encoded_bytes().starts_with(prefix.as_bytes()) {
                    fs::rename(upper.join(&name), self.work.path().join(&name))?;
                    taken.push(name);
                }
            }
            Ok(taken)
        };
        take().map_err(failed(Operation::CleanUpContainer, &self.name))
    }

    /// Returns a function that removes these files, for another thread. Files that it fails to remove go with the
    /// bundle.
    pub(crate) fn removal<'a>(&'a self, taken: &'a [OsString]) -> impl FnOnce() + Send + 'a {
        let work = &self.work;
        move || {
            for name in taken {
                let _ = work.clear(name);
            }
        }
    }

    /// Waits until the container has ended, which its agent does at the end of its input. Kills the container if that
    /// takes too long or the command is cancelled.
    pub(crate) fn end(&mut self, cancel: &CancelToken) -> Result<(), EngineError> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let deadline = Instant::now() + END_TIMEOUT;
        let ended = loop {
            let ended = running.wait_for(CANCEL_INTERVAL);
            let is_over = Instant::now() >= deadline || cancel.reason().is_some();
            if is_over || !matches!(ended, Ok(None)) {
                break ended;
            }
        };
        match ended {
            Ok(Some(_)) => {
                self.running = None;
                Ok(())
            }
            _ => self.kill(),
        }
    }

    fn kill(&mut self) -> Result<(), EngineError> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        running.kill();
        let ended = running.wait().map(drop);
        ended.map_err(failed(Operation::EndContainer, &self.name))
    }

    /// Kills the container and removes the bundle. The next use of the store removes files that are left.
    pub(crate) fn remove(mut self) -> Result<(), EngineError> {
        self.kill()
    }
}

fn make_dirs(dirs: &[&PathBuf]) -> Result<(), EngineError> {
    dirs.iter().try_for_each(|dir| {
        fs::create_dir(dir).map_err(failed(Operation::CreateDirectory, dir.display()))
    })
}
