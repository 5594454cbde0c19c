//! Where a container is, and what runs in it.

use std::{
    ffi::OsString,
    fs, io,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use futures_channel::mpsc::UnboundedSender;
use s2i_build::{CancelToken, EngineError, event::Event, ports::Operation, session::Transport};
use s2i_core::{ContainerPath, ImageRef};
use s2i_oci::{
    overlay::{Dialect, is_opaque},
    store::{Store, StoredImage, Unpacking},
};

use crate::{
    error::failed,
    layers,
    sandbox::{Limits, Network, Overlay, Program, Running, Sandbox},
    source::{Landing, Source},
    tracked::{TrackedWork, or_reason, stoppable},
};

/// What a container changes, and the source that it has from its start, below its directory.
const UPPER: &str = "upper";

/// What overlayfs needs for itself, beside it.
const WORK: &str = "work";

/// The same two for what it was lent.
const LENT_UPPER: &str = "lent";
const LENT_WORK: &str = "lent-work";

/// The same everywhere, so that no build depends on it.
const HOSTNAME: &str = "s2i";

/// File times lag behind the clock by up to a tick of the kernel.
const TICK: Duration = Duration::from_millis(20);

/// How long the agent may take to go after the end of its input.
const GOING: Duration = Duration::from_secs(10);

/// How often it is looked meanwhile whether everything stops.
const LOOK: Duration = Duration::from_millis(50);

/// What a container starts from.
pub(crate) struct Origin {
    pub(crate) name: ImageRef,
    pub(crate) image: StoredImage,
    pub(crate) network: Network,
    pub(crate) program: Program,
    pub(crate) limits: Limits,
    pub(crate) artifacts: Option<Lent>,
    pub(crate) source: Option<Source>,
    /// Directories that are empty and not kept.
    pub(crate) tmpfs: Vec<PathBuf>,
    /// Whether nothing else can be written to.
    pub(crate) read_only: bool,
}

/// A directory of an image that a container is to have as its own.
pub(crate) struct Lent {
    pub(crate) image: StoredImage,
    pub(crate) directory: ContainerPath,
    pub(crate) at: ContainerPath,
}

/// A directory of the store and the processes that use it. Both go when it is dropped.
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) base: StoredImage,
    /// Nothing that the container changed is older.
    pub(crate) started: SystemTime,
    /// Where it has what it was lent.
    pub(crate) lent: Option<ContainerPath>,
    /// Where it has the source.
    pub(crate) source: Option<ContainerPath>,
    pub(crate) name: ImageRef,
    // The processes go before what they use.
    pub(crate) running: Option<Running>,
    work: TrackedWork,
}

/// A place in which nothing runs yet.
pub(crate) struct Prepared {
    pub(crate) place: Place,
    pub(crate) sandbox: Sandbox,
    /// Where the source can be put by itself.
    pub(crate) landing: Option<Landing>,
}

impl Place {
    /// Makes a place for a container. What takes long is reported to `tell`, and ends when everything stops.
    pub(crate) fn prepare(
        store: &Store,
        origin: Origin,
        tell: &UnboundedSender<Event>,
        cancel: &CancelToken,
    ) -> Result<Prepared, EngineError> {
        let store = stoppable(store, cancel);
        or_reason(Self::prepare_in(&store, origin, tell, cancel), cancel)
    }

    fn prepare_in(
        store: &Store,
        mut origin: Origin,
        tell: &UnboundedSender<Event>,
        cancel: &CancelToken,
    ) -> Result<Prepared, EngineError> {
        let lent = origin.artifacts.iter().map(|lent| &lent.image);
        let images: Vec<_> = std::iter::once(&origin.image).chain(lent).collect();
        let cannot = failed(Operation::PlaceContainer, &origin.name);
        let work = TrackedWork::make(store, &images, cancel, cannot)?;
        let mut place = Self {
            store: store.clone(),
            base: origin.image.clone(),
            started: SystemTime::now() - TICK,
            running: None,
            lent: None,
            source: None,
            work,
            name: origin.name.clone(),
        };
        let source = origin.source.take();
        let sandbox = place.sandbox(&origin, tell)?;
        let landing = match source {
            Some(source) => source.land(&sandbox.lowers, &sandbox.upper, store.dialect()),
            None => Ok(None),
        };
        let landing = landing.map_err(failed(Operation::FindSourcePlace, &origin.name))?;
        Ok(Prepared {
            place,
            sandbox,
            landing,
        })
    }

    /// Starts the container in its place.
    pub(crate) fn start(
        &self,
        sandbox: &Sandbox,
        agent: Option<&[u8]>,
    ) -> Result<(Running, Transport), EngineError> {
        let pipe = Stdio::piped;
        let running = sandbox.spawn(agent, pipe(), pipe(), pipe());
        let mut running = running.map_err(failed(Operation::StartContainer, &self.name))?;
        let streams = (
            running.stdin.take(),
            running.stdout.take(),
            running.stderr.take(),
        );
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            unreachable!("all three were asked to be pipes");
        };
        Ok((running, Transport::over(stdin, stdout, stderr)))
    }

    fn sandbox(
        &mut self,
        origin: &Origin,
        tell: &UnboundedSender<Event>,
    ) -> Result<Sandbox, EngineError> {
        let lowers = self.layers(&self.base, tell)?;
        let work = self.work.path().join(WORK);
        make_dirs([&self.upper(), &work])?;
        let overlays = match &origin.artifacts {
            Some(lent) => self.lend(lent, &lowers, tell)?,
            None => None,
        };
        self.lent = overlays.as_ref().map(|(at, _)| at.clone());
        Ok(Sandbox {
            lowers,
            upper: self.upper(),
            work,
            user_xattrs: self.store.dialect() == Dialect::User,
            network: origin.network,
            hostname: HOSTNAME.into(),
            limits: origin.limits,
            overlays: overlays.map(|(_, overlay)| overlay).into_iter().collect(),
            tmpfs: origin.tmpfs.clone(),
            binds: Vec::new(),
            read_only: origin.read_only,
            program: origin.program.clone(),
        })
    }

    /// The layers of an image that count, the topmost first.
    fn layers(
        &self,
        image: &StoredImage,
        tell: &UnboundedSender<Event>,
    ) -> Result<Vec<PathBuf>, EngineError> {
        let telling = |unpacking: Unpacking| {
            let Unpacking { layer, bytes, .. } = unpacking;
            let text = format!("unpacking {layer} ({bytes} bytes)");
            let _ = tell.unbounded_send(Event::Progress(text));
        };
        let trees = self.store.trees(image, &telling);
        let mut layers = trees.map_err(failed(Operation::UnpackImage, &self.name))?;
        layers.reverse();
        // overlayfs does not look for the mark at the root of a layer.
        let hides = |tree: &PathBuf| is_opaque(tree, self.store.dialect()).unwrap_or(false);
        if let Some(last) = layers.iter().position(hides) {
            layers.truncate(last + 1);
        }
        Ok(layers)
    }

    /// What is to be lent, as a mount. An image that has it not as a plain directory lends nothing, and
    /// neither does one go over something that the container has.
    fn lend(
        &self,
        lent: &Lent,
        own: &[PathBuf],
        tell: &UnboundedSender<Event>,
    ) -> Result<Option<(ContainerPath, Overlay)>, EngineError> {
        let dialect = self.store.dialect();
        let cannot = || failed(Operation::FindArtifacts, &lent.directory);
        let [directory, at] = [&lent.directory, &lent.at].map(layers::below_root);
        let layers = self.layers(&lent.image, tell)?;
        let lowers = layers::layers_of(&layers, directory, dialect).map_err(cannot())?;
        let is_free = layers::is_free(own, at, dialect).map_err(cannot())?
            && layers::has_parent(own, at, dialect).map_err(cannot())?;
        let Some(lowers) = lowers.filter(|_| is_free) else {
            return Ok(None);
        };
        let [upper, work] = [LENT_UPPER, LENT_WORK].map(|name| self.work.path().join(name));
        make_dirs([&upper, &work])?;
        let overlay = Overlay {
            lowers,
            upper,
            work,
            at: lent.at.as_str().into(),
        };
        Ok(Some((lent.at.clone(), overlay)))
    }

    /// Notes that an application runs in it, which may take its time to end.
    pub(crate) fn note_application(&self) {
        self.work.note_application();
    }

    /// What the container changed, in overlayfs' dialect. Complete once it has ended.
    pub(crate) fn upper(&self) -> PathBuf {
        self.work.path().join(UPPER)
    }

    /// Where the agent puts what is to be removed: at the container's root, under a name that is no
    /// other place's.
    pub(crate) fn aside(&self) -> ContainerPath {
        let path = format!("/{}", self.aside_prefix());
        path.parse().expect("letters and digits")
    }

    fn aside_prefix(&self) -> String {
        let own = self.work.path().file_name().unwrap_or_default();
        format!(".s2i-{}-", own.display())
    }

    /// Takes what the agent has put there out of the container, and gives the names that it has in the
    /// place.
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

    /// What removes what was taken out, for another thread. What can't be removed now is removed with the
    /// place.
    pub(crate) fn removal<'a>(&'a self, taken: &'a [OsString]) -> impl FnOnce() + Send + 'a {
        let work = &self.work;
        move || {
            for name in taken {
                let _ = work.clear(name);
            }
        }
    }

    /// Waits until the container has ended: its agent goes when its input has ended. One that does not,
    /// or not before everything stops, is killed.
    pub(crate) fn end(&mut self, cancel: &CancelToken) -> Result<(), EngineError> {
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let deadline = Instant::now() + GOING;
        let ended = loop {
            let ended = running.wait_for(LOOK);
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

    /// Kills what runs and removes everything; what could not be removed, the next use of the store does.
    pub(crate) fn remove(mut self) -> Result<(), EngineError> {
        self.kill()
    }
}

fn make_dirs<const COUNT: usize>(dirs: [&PathBuf; COUNT]) -> Result<(), EngineError> {
    dirs.into_iter().try_for_each(|dir| {
        fs::create_dir(dir).map_err(failed(Operation::CreateDirectory, dir.display()))
    })
}
