//! A scripted engine on a Unix socket: a model of containers and images that notes every call.
//!
//! It is strict about order. An archive goes only into a container that has not started, nothing
//! starts without a listener, nothing is committed whose agent has not finished: what breaks a
//! rule is kept and fails the test in [`Daemon::check`].

mod answers;
pub(crate) mod http;
mod knobs;
mod peer;
mod plain;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use s2i_core::wire::Request;
use serde_json::json;
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::UnixListener,
    sync::Notify,
};

use self::http::{Connection, Reply};
pub(crate) use self::{
    answers::{BUILDER, LAYER, MADE},
    http::{Call, decoded},
    knobs::{
        Answers, Cancel, Conduct, Endpoint, Fault, Knobs, Life, Moment, Removal, Step, Waiting,
    },
};

#[derive(Clone)]
pub(crate) struct Daemon(Arc<Shared>);

struct Shared {
    knobs: Knobs,
    dir: tempfile::TempDir,
    model: Mutex<Model>,
    changed: Notify,
    /// Bytes of archives that agents have read.
    unpacked: AtomicU64,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) calls: Vec<Call>,
    /// What agents were asked for.
    pub(crate) requests: Vec<Request>,
    pub(crate) images: BTreeSet<String>,
    /// The ids of images that are not the usual builder, by name.
    pub(crate) ids: BTreeMap<String, &'static str>,
    /// The labels of images that do not have the usual ones, by name.
    pub(crate) labels: BTreeMap<String, serde_json::Value>,
    containers: BTreeMap<String, State>,
    /// What the last container has.
    host_config: serde_json::Value,
    /// The containers of commands, and the status of those that have ended.
    plain: BTreeMap<String, Option<u8>>,
    /// The containers of commands whose end is watched.
    watched: BTreeSet<String>,
    /// What commands were sent.
    pub(crate) signals: Vec<String>,
    seen: Vec<Endpoint>,
    violations: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Created,
    Attached,
    Running,
    Finished,
    /// Being removed, and there for so many more calls.
    Leaving(usize),
}

impl Daemon {
    /// Starts to listen, on this runtime and for as long as it lives.
    pub(crate) fn start(knobs: Knobs) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        let daemon = Self(Arc::new(Shared {
            knobs,
            dir,
            model: Mutex::default(),
            changed: Notify::new(),
            unpacked: AtomicU64::new(0),
        }));
        let accepting = daemon.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let daemon = accepting.clone();
                tokio::spawn(async move {
                    // A client that goes away ends its connection, and that is all.
                    let _ = daemon.serve(BufReader::new(stream)).await;
                });
            }
        });
        daemon
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.dir.path().join("s")
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        self.0.model.lock().expect("no panic under this lock")
    }

    pub(crate) fn unpacked(&self) -> u64 {
        self.0.unpacked.load(Ordering::SeqCst)
    }

    /// The containers that are there now.
    pub(crate) fn containers(&self) -> usize {
        self.model().containers.len()
    }

    /// How often this was called.
    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        let model = self.model();
        model.seen.iter().filter(|seen| **seen == endpoint).count()
    }

    /// Fails when a call broke a rule or a container is left.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert_eq!(self.model().violations, [""; 0]);
        assert_eq!(self.containers(), 0, "containers are left");
    }

    async fn serve(self, mut connection: Connection) -> io::Result<()> {
        while let Some(call) = Call::read(&mut connection).await? {
            let Some((endpoint, name)) = self.note(&call) else {
                let reply = Reply::error(404, "page not found");
                reply.write(&mut connection, false).await?;
                continue;
            };
            let nth = self.count(endpoint) - 1;
            self.reached(Moment::Call(endpoint, nth)).await;
            let fault = self
                .0
                .knobs
                .fault
                .filter(|(at, n, _)| (*at, *n) == (endpoint, nth));
            let reply = match fault.map(|(_, _, fault)| fault) {
                Some(Fault::Status(status, message)) => Reply::error(status, message),
                Some(Fault::CutBefore) => return Ok(()),
                Some(Fault::CutAfter) => self.answer(endpoint, &name, &call).cut(),
                None => self.answer(endpoint, &name, &call),
            };
            if reply.status == 101 && !reply.cut {
                return self.hijack(connection, &name).await;
            }
            if endpoint == Endpoint::Wait && reply.status == 200 && !reply.cut {
                self.watch(&name, &mut connection).await?;
                continue;
            }
            if !reply.write(&mut connection, self.0.knobs.dribble).await? {
                break;
            }
        }
        Ok(())
    }

    /// Notes a call. What no engine should ever be asked breaks a rule.
    fn note(&self, call: &Call) -> Option<(Endpoint, String)> {
        let mut model = self.model();
        model.calls.push(call.clone());
        let known = Endpoint::of(&call.method, &call.path);
        if let Some((endpoint, _)) = &known {
            model.seen.push(*endpoint);
        } else {
            let line = format!("{} {} is no call for s2i", call.method, call.path);
            model.violations.push(line);
        }
        known
    }

    /// Pulls the token when its moment is there.
    async fn reached(&self, moment: Moment) {
        let Some(cancel) = self
            .0
            .knobs
            .cancel
            .as_ref()
            .filter(|cancel| cancel.at == moment)
        else {
            return;
        };
        cancel.token.cancel(s2i_build::Interrupt::Interrupted);
        if cancel.hangs {
            std::future::pending::<()>().await;
        }
    }

    fn answer(&self, endpoint: Endpoint, name: &str, call: &Call) -> Reply {
        let knobs = &self.0.knobs;
        let mut model = self.model();
        let reply = match endpoint {
            Endpoint::Version => Reply::json(200, &answers::version(knobs.answers)),
            Endpoint::InspectImage => model.inspect_image(knobs, name),
            Endpoint::Pull => model.pull(knobs, call),
            Endpoint::Create => model.create(knobs, call),
            Endpoint::Archive => model.step(name, State::Created, State::Created, 200),
            Endpoint::Attach => model.step(name, State::Created, State::Attached, 101),
            Endpoint::Start => model.start(name),
            Endpoint::Remove => model.remove(knobs, name),
            Endpoint::InspectContainer => model.inspect_container(name),
            Endpoint::Commit => model.commit(call),
            Endpoint::Tag => model.tag(name),
            Endpoint::RemoveImage => model.remove_image(name),
            Endpoint::Load => Reply::pieces(200, &knobs.load),
            Endpoint::List if call.asked("manifests").as_deref() == Some("true") => {
                Reply::json(200, &answers::list_with_manifests(knobs.answers))
            }
            Endpoint::List => Reply::json(200, &answers::list(knobs.answers)),
            Endpoint::Push => Reply::pieces(200, &knobs.push),
            Endpoint::Export => Reply::pieces(200, &["an ", "archive"]),
            Endpoint::Prune => Reply::json(200, &answers::pruned(knobs.answers)),
            Endpoint::Info => Reply::json(200, &answers::info(knobs.answers)),
            Endpoint::Networks => Reply::json(200, &answers::networks(knobs.answers)),
            Endpoint::Wait => Reply::empty(200),
            Endpoint::Kill => model.kill(knobs, name, call),
        };
        drop(model);
        self.0.changed.notify_waiters();
        reply
    }

    /// Hands the connection to the agent of the container.
    async fn hijack(self, mut connection: Connection, name: &str) -> io::Result<()> {
        let head = b"HTTP/1.1 101 UPGRADED\r\n\
            Content-Type: application/vnd.docker.multiplexed-stream\r\n\
            Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        connection.write_all(head).await?;
        let stream = connection.into_inner();
        let is_plain = self.model().plain.contains_key(name);
        let converse = async {
            self.until(|state| state == Some(State::Running), name)
                .await;
            if is_plain {
                return self.clone().command(name, stream).await;
            }
            peer::Peer::new(self.clone(), name, stream).converse().await
        };
        tokio::select! {
            ended = converse => ended,
            () = self.until(|state| state.is_none(), name) => Ok(()),
        }
    }

    /// Waits for a container to come into a state, or to go.
    async fn until(&self, wanted: impl Fn(Option<State>) -> bool, name: &str) {
        loop {
            let changed = self.0.changed.notified();
            let state = self.model().containers.get(name).copied();
            if wanted(state) {
                return;
            }
            changed.await;
        }
    }

    fn finished(&self, name: &str) {
        if let Some(state) = self.model().containers.get_mut(name) {
            *state = State::Finished;
        }
    }
}

impl Model {
    fn violated(&mut self, rule: String) -> Reply {
        let reply = Reply::error(409, &rule);
        self.violations.push(rule);
        reply
    }

    fn inspect_image(&self, knobs: &Knobs, name: &str) -> Reply {
        if !self.images.contains(name) {
            return Reply::error(404, &format!("No such image: {name}"));
        }
        let usual = if name == MADE { MADE } else { BUILDER };
        let id = self.ids.get(name).copied().unwrap_or(usual);
        let mut image = answers::image(knobs.answers, id, name);
        if let Some(labels) = self.labels.get(name) {
            image["Config"]["Labels"] = labels.clone();
        }
        if !knobs.tags.is_empty() {
            image["RepoTags"] = json!(knobs.tags);
        }
        if !knobs.digests.is_empty() {
            image["RepoDigests"] = json!(knobs.digests);
        }
        if !knobs.on_build.is_empty() {
            image["Config"]["OnBuild"] = json!(knobs.on_build);
        }
        Reply::json(200, &image)
    }

    fn pull(&mut self, knobs: &Knobs, call: &Call) -> Reply {
        let image = call.asked("fromImage").unwrap_or_default();
        let tag = call.asked("tag").unwrap_or_default();
        if knobs.pull_brings {
            self.images.insert(format!("{image}:{tag}"));
            self.images.insert(image);
        }
        Reply {
            repeat: knobs.repeat.clone(),
            ..Reply::pieces(200, &knobs.pull)
        }
    }

    fn create(&mut self, knobs: &Knobs, call: &Call) -> Reply {
        let name = call.asked("name").unwrap_or_default();
        let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap_or_default();
        if body["Entrypoint"].is_null() {
            self.plain.insert(name.clone(), None);
        }
        self.host_config = body["HostConfig"].clone();
        for limit in &knobs.ignores {
            self.host_config[limit] = json!(0);
        }
        self.containers.insert(name, State::Created);
        Reply::json(201, &answers::created(knobs.answers))
    }

    /// From one state of a container to the next; any other state breaks the rule.
    fn step(&mut self, name: &str, from: State, to: State, status: u16) -> Reply {
        match self.containers.get_mut(name) {
            Some(state) if *state == from => {
                *state = to;
                Reply::empty(status)
            }
            other => {
                let other = other.copied();
                self.violated(format!(
                    "a container that is {other:?}, not {from:?}, to {to:?}"
                ))
            }
        }
    }

    fn remove(&mut self, knobs: &Knobs, name: &str) -> Reply {
        let gone = Reply::error(404, &format!("No such container: {name}"));
        let Some(state) = self.containers.get_mut(name) else {
            return gone;
        };
        let calls = match (knobs.removal, &state) {
            (Removal::Underway(_), State::Leaving(calls)) => *calls,
            (Removal::Underway(calls), _) => calls,
            (Removal::Immediate | Removal::Missing, _) => 0,
        };
        if calls > 0 {
            *state = State::Leaving(calls - 1);
            let why = format!("removal of container {name} is already in progress");
            return Reply::error(409, &why);
        }
        self.containers.remove(name);
        match knobs.removal {
            Removal::Immediate => Reply::empty(204),
            Removal::Missing | Removal::Underway(_) => gone,
        }
    }

    fn inspect_container(&self, name: &str) -> Reply {
        if !self.containers.contains_key(name) {
            return Reply::error(404, &format!("No such container: {name}"));
        }
        let mut container = answers::container(&self.host_config);
        if let Some(Some(code)) = self.plain.get(name) {
            container["State"] = json!({"Status": "exited", "ExitCode": code});
        }
        Reply::json(200, &container)
    }

    fn commit(&mut self, call: &Call) -> Reply {
        let name = call.asked("container").unwrap_or_default();
        match self.containers.get(&name) {
            Some(State::Finished) => {
                self.images.insert(MADE.to_owned());
                let body: serde_json::Value =
                    serde_json::from_slice(&call.body).unwrap_or_default();
                if !body["Labels"].is_null() {
                    self.labels.insert(MADE.to_owned(), body["Labels"].clone());
                }
                Reply::json(201, &json!({"Id": MADE}))
            }
            other => {
                let rule = format!("commit of a container that is {other:?}");
                self.violated(rule)
            }
        }
    }

    fn tag(&mut self, name: &str) -> Reply {
        if self.images.contains(name) {
            return Reply::empty(201);
        }
        self.violated(format!("a name for the image {name}, which is not there"))
    }

    fn remove_image(&mut self, name: &str) -> Reply {
        if self.images.remove(name) {
            return Reply::json(200, &json!([{"Deleted": name}]));
        }
        Reply::error(404, &format!("No such image: {name}"))
    }
}
