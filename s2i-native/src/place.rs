//! Where a container is, and what runs in it.

use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, SystemTime},
};

use futures_channel::mpsc::UnboundedSender;
use s2i_build::{EngineError, session::Transport};
use s2i_core::ImageRef;
use s2i_oci::{
    overlay::{Dialect, is_opaque},
    store::{Store, StoredImage, Unpacking, Work},
};

use crate::{
    error::failed,
    sandbox::{Limits, Network, Program, Running, Sandbox},
};

/// What a container changes, below its directory.
const UPPER: &str = "upper";

/// What overlayfs needs for itself, beside it.
const WORK: &str = "work";

/// The same everywhere, so that no build depends on it.
const HOSTNAME: &str = "s2i";

/// File times lag behind the clock by up to a tick of the kernel.
const TICK: Duration = Duration::from_millis(20);

/// How long the agent may take to go when it is told to.
const GOING: Duration = Duration::from_secs(10);

/// What a container starts from.
pub(crate) struct Origin {
    pub(crate) name: ImageRef,
    pub(crate) image: StoredImage,
    pub(crate) network: Network,
    pub(crate) program: Program,
    /// Directories that are empty and not kept.
    pub(crate) tmpfs: Vec<PathBuf>,
    /// Whether nothing else can be written to.
    pub(crate) read_only: bool,
}

/// A directory of the store and the processes that use it. Both go when it is dropped.
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) base: StoredImage,
    /// Nothing that the container changed is older.
    pub(crate) started: SystemTime,
    name: ImageRef,
    // The processes go before what they use.
    pub(crate) running: Option<Running>,
    work: Work,
}

impl Place {
    /// Makes a place for a container and starts it there. What takes long is told as lines of progress.
    pub(crate) fn start(
        store: &Store,
        origin: &Origin,
        agent: Option<&[u8]>,
        tell: UnboundedSender<String>,
    ) -> Result<(Self, Running, Transport), EngineError> {
        let work = store.work(&[&origin.image]);
        let work = work.map_err(failed("make a place for a container of", &origin.name))?;
        let place = Self {
            store: store.clone(),
            base: origin.image.clone(),
            started: SystemTime::now() - TICK,
            running: None,
            work,
            name: origin.name.clone(),
        };
        let sandbox = place.sandbox(origin, &tell)?;
        // Nothing takes long any more.
        drop(tell);
        let pipe = Stdio::piped;
        let running = sandbox.spawn(agent, pipe(), pipe(), pipe());
        let mut running = running.map_err(failed("start a container of", &origin.name))?;
        let streams = (
            running.stdin.take(),
            running.stdout.take(),
            running.stderr.take(),
        );
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            unreachable!("all three were asked to be pipes");
        };
        Ok((place, running, Transport::over(stdin, stdout, stderr)))
    }

    fn sandbox(
        &self,
        origin: &Origin,
        tell: &UnboundedSender<String>,
    ) -> Result<Sandbox, EngineError> {
        let telling = |unpacking: Unpacking| {
            let _ = tell.unbounded_send(format!(
                "unpacking {} ({} bytes)",
                unpacking.layer, unpacking.bytes
            ));
        };
        let trees = self.store.trees(&self.base, &telling);
        let mut lowers = trees.map_err(failed("unpack the image", &self.name))?;
        lowers.reverse();
        // overlayfs does not look for the mark at the root of a layer.
        let hides = |tree: &PathBuf| is_opaque(tree, self.store.dialect()).unwrap_or(false);
        if let Some(last) = lowers.iter().position(hides) {
            lowers.truncate(last + 1);
        }
        let work = self.work.path().join(WORK);
        for dir in [self.upper(), work.clone()] {
            fs::create_dir(&dir).map_err(failed("make the directory", dir.display()))?;
        }
        Ok(Sandbox {
            lowers,
            upper: self.upper(),
            work,
            user_xattrs: self.store.dialect() == Dialect::User,
            network: origin.network,
            hostname: HOSTNAME.into(),
            limits: Limits::default(),
            tmpfs: origin.tmpfs.clone(),
            binds: Vec::new(),
            read_only: origin.read_only,
            program: origin.program.clone(),
        })
    }

    /// What the container changed, in overlayfs' dialect. Complete once it has ended.
    pub(crate) fn upper(&self) -> PathBuf {
        self.work.path().join(UPPER)
    }

    /// Waits until the container has ended: its agent goes when nobody is left to ask it for anything.
    pub(crate) fn end(&mut self) -> Result<(), EngineError> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let ended = match running.wait_for(GOING) {
            Ok(None) => {
                running.kill();
                running.wait().map(drop)
            }
            ended => ended.map(drop),
        };
        ended.map_err(failed("end a container of", &self.name))
    }

    /// Ends what runs and removes everything; what could not be removed, the next use of the store does.
    pub(crate) fn remove(mut self) -> Result<(), EngineError> {
        self.end()
    }
}
