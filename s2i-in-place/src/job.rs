//! The own container as that of a build: the agent in it, and the state of its files before.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustix::process::{getegid, geteuid};
use s2i_build::{
    BuildContext, CancelToken, EngineError,
    agent_container::{AgentContainer, Backend},
    ports::{Commit, Committed, Operation, Start},
    session::Session,
};
use s2i_core::{Account, Diagnostic, ErrorChain, wire::Finish};
use s2i_oci::{
    changes::{self, Changes, OwnerReplacement, Packing, Snapshot, SnapshotError},
    layer::{self, Owner},
    overlay::{Clamp, Limits, PackError},
};

use crate::{
    agent::AgentProcess,
    base::Base,
    error::{blocking, check, failed},
    image::ComposedImage,
    layers::{Layer, LayerSource},
    place::Place,
    store::Store,
};

/// The root of the own container.
const ROOT: &str = "/";

/// A build in the own container.
pub(crate) type JobContainer = AgentContainer<JobBackend>;

/// The state of the files before the build. A second start of the container, after artifacts could not be used, still
/// has the first one.
pub(crate) type Before = OnceLock<Arc<Snapshot>>;

/// The settings of a build in the own container.
pub(crate) struct Job {
    pub(crate) base: Arc<Base>,
    pub(crate) place: Arc<Place>,
    pub(crate) limits: Limits,
    pub(crate) store: Store,
    /// The owner of new files in the result.
    pub(crate) owner: Owner,
}

/// The agent and what its container needs for a commit.
pub(crate) struct JobBackend {
    job: Arc<Job>,
    before: Arc<Snapshot>,
    agent: Option<AgentProcess>,
    pub(crate) has_artifacts: bool,
    /// The directories for inputs that did not exist before. They are removed if nothing is committed.
    inputs: Vec<PathBuf>,
}

impl JobBackend {
    /// Takes the snapshot, if there is none yet, and starts the agent.
    pub(crate) async fn start(
        job: Job,
        agent: Vec<u8>,
        before: &Before,
        start: &Start<'_>,
        context: BuildContext<'_>,
    ) -> Result<JobContainer, EngineError> {
        let before = if let Some(taken) = before.get() {
            Arc::clone(taken)
        } else {
            let taken = snapshot(&job, context).await?;
            warn_of_earlier_changes(&taken, &job, context);
            Arc::clone(before.get_or_init(|| taken))
        };
        let inputs = inputs(start)?;
        let started = AgentProcess::start(&agent);
        let (agent, transport) = started.map_err(failed(Operation::StartContainer, "the agent"))?;
        let backend = Self {
            job: Arc::new(job),
            before,
            agent: Some(agent),
            has_artifacts: false,
            inputs,
        };
        JobContainer::open(backend, start, std::future::ready(Ok(transport)), context).await
    }
}

/// The directories below the destination of a build.
const INPUTS: [&str; 3] = ["src", "scripts", "artifacts"];

/// Returns the directories for inputs that do not exist.
///
/// # Errors
/// The source would be mixed with the files of another build.
fn inputs(start: &Start<'_>) -> Result<Vec<PathBuf>, EngineError> {
    let Some(source) = &start.source else {
        return Ok(Vec::new());
    };
    let path = Path::new(source.into.as_str());
    let has_files = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if has_files {
        let reason =
            "it has files, perhaps of a build that was killed: remove it, or start a new container";
        return Err(failed(Operation::Unpack, path.display())(reason));
    }
    let destination = path.parent().unwrap_or(path);
    let paths = INPUTS.iter().map(|name| destination.join(name));
    Ok(paths.filter(|path| !path.exists()).collect())
}

async fn snapshot(job: &Job, context: BuildContext<'_>) -> Result<Arc<Snapshot>, EngineError> {
    let (place, limits) = (Arc::clone(&job.place), job.limits);
    let cancel = context.cancel.clone();
    let taken = blocking(move || take(&place, &limits, &cancel)).await?;
    Ok(Arc::new(taken))
}

fn take(place: &Place, limits: &Limits, cancel: &CancelToken) -> Result<Snapshot, EngineError> {
    let taken = Snapshot::take(Path::new(ROOT), &place.outside, limits, &|| check(cancel));
    taken.map_err(|err| match (err, cancel.reason()) {
        (SnapshotError::Stopped(_), Some(reason)) => EngineError::Interrupted(reason),
        (err, _) => failed(Operation::Read, "the files of this container")(err),
    })
}

/// Warns of files that the job has changed before, which the result does not have.
fn warn_of_earlier_changes(before: &Snapshot, job: &Job, context: BuildContext<'_>) {
    let Some(started) = job.place.started else {
        return;
    };
    // The start is known to a second.
    let (files, first) = before.changed_since(started + std::time::Duration::from_secs(1));
    if let Some(first) = first {
        let message = format!(
            "{files} files have changed in this container since it started, for example `{}`; the image does not have them",
            first.display()
        );
        let subject = job.base.name.to_string();
        context.progress.warn([Diagnostic::new(subject, message)]);
    }
}

impl Backend for JobBackend {
    fn has_artifacts(&self) -> bool {
        self.has_artifacts
    }

    fn cleanup(&self, commit: &Commit) -> Finish {
        Finish {
            remove: commit.remove.clone(),
            made: Vec::new(),
            aside: None,
            // Changes are known here, and the files of the job keep their times.
            times: None,
            require: commit.require.clone(),
        }
    }

    async fn commit(
        &mut self,
        commit: &Commit,
        session: Session,
        context: BuildContext<'_>,
    ) -> Result<Committed, EngineError> {
        drop(session);
        let agent = self.agent.take();
        let committing = Committing {
            agent,
            before: Arc::clone(&self.before),
            job: Arc::clone(&self.job),
        };
        let (commit, cancel) = (commit.clone(), context.cancel.clone());
        blocking(move || committing.run(&commit, &cancel)).await
    }

    async fn remove(mut self) -> Result<(), EngineError> {
        let Some(agent) = self.agent.take() else {
            return Ok(());
        };
        blocking(move || {
            agent
                .wait()
                .map_err(failed(Operation::WaitFor, "the agent"))?;
            // Files of another user may be in them, if this process is not the one that made them.
            self.inputs
                .iter()
                .for_each(|dir| drop(fs::remove_dir_all(dir)));
            Ok(())
        })
        .await
    }
}

/// A commit, on a thread of its own.
struct Committing {
    agent: Option<AgentProcess>,
    before: Arc<Snapshot>,
    job: Arc<Job>,
}

impl Committing {
    fn run(self, commit: &Commit, cancel: &CancelToken) -> Result<Committed, EngineError> {
        let Job {
            base,
            place,
            limits,
            store,
            owner,
        } = &*self.job;
        // A script may have emptied the directory for temporary files.
        let made = fs::create_dir_all(store.dir());
        made.map_err(failed(Operation::CreateDirectory, store.dir().display()))?;
        if let Some(agent) = self.agent {
            agent
                .wait()
                .map_err(failed(Operation::WaitFor, "the agent"))?;
        }
        let after = take(place, limits, cancel)?;
        let changes = Changes::between(&self.before, after);
        let times = commit.times;
        let after = store.started();
        let clamp = Clamp { after, times };
        // The job may have changed other files in a directory before.
        let after = place.started.unwrap_or(after);
        let kept_clamp = Clamp { after, times };
        let owner = Some(OwnerReplacement {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            by: *owner,
        });
        let packing = Packing {
            owner,
            clamp: Some(&clamp),
            kept_clamp: Some(&kept_clamp),
            limits,
            check: &|| check(cancel),
        };
        let layer = pack(store, Path::new(ROOT), changes, &packing);
        let layer = layer.map_err(|err| match cancel.reason() {
            Some(reason) => EngineError::Interrupted(reason),
            None => failed(Operation::CommitLayer, "this container")(ErrorChain(&err).to_string()),
        })?;
        let image = ComposedImage::new(
            (&base.name, &base.config),
            base.layers.clone(),
            layer,
            commit,
        );
        Ok(store.add(image, commit.tag.as_ref()))
    }
}

/// A layer that was packed.
pub(crate) struct PackedLayer {
    pub(crate) layer: Layer,
    pub(crate) diff_id: s2i_oci::Digest,
}

/// Packs changes into a compressed file of the store.
pub(crate) fn pack(
    store: &Store,
    root: &Path,
    changes: Changes,
    packing: &Packing<'_>,
) -> Result<PackedLayer, std::io::Error> {
    let path = store.new_file();
    let mut diff_id = None;
    let descriptor = layer::compress(&path, store.compression(), |out| {
        let packed = changes::pack(root, changes, packing, out);
        let packed = packed.map_err(|err: PackError| std::io::Error::other(err))?;
        diff_id = Some(packed.0);
        Ok::<_, std::io::Error>(())
    })?;
    let diff_id = diff_id.ok_or_else(|| std::io::Error::other("nothing was packed"))?;
    Ok(PackedLayer {
        layer: Layer {
            descriptor,
            source: LayerSource::File(path),
        },
        diff_id,
    })
}

/// Returns the owner that the files of this user have in an image, by the user tables of the own container.
pub(crate) fn owner(user: &str) -> Result<Owner, EngineError> {
    let account = Account::find_in_root(user);
    let account = account.map_err(failed(
        Operation::StartContainer,
        format!("the user `{user}`"),
    ))?;
    Ok(Owner {
        uid: account.uid,
        gid: account.gid,
    })
}
