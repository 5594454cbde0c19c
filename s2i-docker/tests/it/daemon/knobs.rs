//! What a test can turn on the scripted daemon.

use s2i_build::CancelToken;
use s2i_core::wire::{Exit, Failure, Kind, VERSION};

use super::http::Repeat;

/// The calls that s2i may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Version,
    InspectImage,
    Pull,
    Create,
    Archive,
    Attach,
    Start,
    Remove,
    InspectContainer,
    Commit,
    Tag,
    RemoveImage,
    Load,
    List,
    Push,
    Export,
    Prune,
    Wait,
    Kill,
    Info,
    Networks,
}

impl Endpoint {
    /// What a call is, and the image or container in its path.
    pub(crate) fn of(method: &str, path: &str) -> Option<(Self, String)> {
        let plain = match (method, path) {
            ("GET", "/version") => Some(Self::Version),
            ("POST", "/images/create") => Some(Self::Pull),
            ("POST", "/containers/create") => Some(Self::Create),
            ("POST", "/commit") => Some(Self::Commit),
            ("POST", "/images/load") => Some(Self::Load),
            ("GET", "/images/json") => Some(Self::List),
            ("POST", "/images/prune") => Some(Self::Prune),
            ("GET", "/info") => Some(Self::Info),
            ("GET", "/networks") => Some(Self::Networks),
            _ => None,
        };
        if let Some(endpoint) = plain {
            return Some((endpoint, String::new()));
        }
        let (of_image, rest) = match path.strip_prefix("/images/") {
            Some(rest) => (true, rest),
            None => (false, path.strip_prefix("/containers/")?),
        };
        let (name, action) = match rest.rsplit_once('/') {
            Some((name, action)) if method != "DELETE" => (name, action),
            _ => (rest, ""),
        };
        let endpoint = match (method, of_image, action) {
            ("GET", true, "json") => Self::InspectImage,
            ("POST", true, "tag") => Self::Tag,
            ("POST", true, "push") => Self::Push,
            ("GET", true, "get") => Self::Export,
            ("DELETE", true, "") => Self::RemoveImage,
            ("GET", false, "json") => Self::InspectContainer,
            ("PUT", false, "archive") => Self::Archive,
            ("POST", false, "attach") => Self::Attach,
            ("POST", false, "start") => Self::Start,
            ("POST", false, "wait") => Self::Wait,
            ("POST", false, "kill") => Self::Kill,
            ("DELETE", false, "") => Self::Remove,
            _ => return None,
        };
        Some((endpoint, name.to_owned()))
    }
}

/// What the agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Hello,
    Identify,
    Unpack,
    Exec,
    Read,
    Finish,
}

/// A moment of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A call of the engine, and the how many-th of its kind.
    Call(Endpoint, usize),
    /// A step of the agent.
    Agent(Step),
}

/// Whose answers the daemon gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answers {
    /// API 1.41: every field there, `null` where it is empty.
    #[default]
    Old,
    /// The newest: what is empty is left out.
    New,
    /// Podman's.
    Podman,
}

/// How long the command of an image runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    /// It writes its output and ends.
    #[default]
    Short,
    /// It goes on until it gets a signal.
    UntilSignal,
    /// It goes on until it is killed.
    UntilKilled,
}

/// How the wait for the end of a command goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Waiting {
    #[default]
    Answered,
    /// The engine misses the end, and has the container with its status.
    MissedAndKept,
    /// The engine misses the end and removes the container.
    MissedAndRemoved,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It is refused with this status.
    Status(u16, &'static str),
    /// The connection ends before it is done.
    CutBefore,
    /// It is done, but the connection ends in the middle of its answer.
    CutAfter,
}

/// What the agent does wrong.
#[derive(Clone, Debug)]
pub(crate) enum Conduct {
    /// Answers with this.
    Refuses(Failure),
    /// Reads one piece of an archive, no more, and answers with this.
    StopsReading(Failure),
    /// Complains and ends.
    Dies(&'static str),
    /// Sends bytes that are not a frame.
    Babbles(&'static str),
    /// Sends a frame that is not expected.
    Sends(Kind, &'static str),
    /// Sends half of the files and ends as if that was all.
    SendsHalf,
}

/// How a removal goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Removal {
    #[default]
    Immediate,
    /// The container was gone already.
    Missing,
    /// It is being removed already, and is there for so many more calls.
    Underway(usize),
}

/// A cancellation that comes from inside the daemon, so that its moment is exact.
#[derive(Clone, Debug)]
pub(crate) struct Cancel {
    pub(crate) at: Moment,
    pub(crate) token: CancelToken,
    /// Whether the answer never comes.
    pub(crate) hangs: bool,
}

/// Everything that a test can turn.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    pub(crate) answers: Answers,
    pub(crate) dribble: bool,
    pub(crate) fault: Option<(Endpoint, usize, Fault)>,
    pub(crate) conduct: Option<(Step, Conduct)>,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) removal: Removal,
    /// The pieces of the answer to a pull.
    pub(crate) pull: Vec<&'static str>,
    /// The index of a piece of it that is sent again and again.
    pub(crate) repeat: Option<Repeat>,
    /// The pieces of the answer to a load.
    pub(crate) load: Vec<&'static str>,
    /// The pieces of the answer to a push.
    pub(crate) push: Vec<&'static str>,
    /// The names of every image, in place of the one that it is asked by.
    pub(crate) tags: Vec<&'static str>,
    /// What registries know every image by.
    pub(crate) digests: Vec<&'static str>,
    /// The `ONBUILD` triggers of every image.
    pub(crate) on_build: Vec<&'static str>,
    pub(crate) life: Life,
    pub(crate) waiting: Waiting,
    /// The limits of a container that it leaves out, without a word.
    pub(crate) ignores: Vec<&'static str>,
    /// Whether a pull brings the image.
    pub(crate) pull_brings: bool,
    pub(crate) version: u32,
    pub(crate) exit: Exit,
    pub(crate) output: Vec<(Kind, Vec<u8>)>,
    /// What the agent answers a request for files with.
    pub(crate) files: Vec<u8>,
    /// The maximal number of bytes of the agent's output in one frame of the daemon.
    pub(crate) piece: usize,
    /// Whether others get their turn many times between two frames that the agent reads.
    pub(crate) slow: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            answers: Answers::default(),
            dribble: false,
            fault: None,
            conduct: None,
            cancel: None,
            removal: Removal::default(),
            pull: vec![
                "{\"status\":\"Pulling from s2i/go\",\"id\":\"latest\"}\r\n",
                "{\"status\":\"Status: Downloaded newer image\"}\r\n",
            ],
            repeat: None,
            load: vec!["{\"stream\":\"Loaded image: s2i/go:latest\\n\"}\r\n"],
            push: vec![
                "{\"status\":\"The push refers to repository [registry.test/app]\"}\r\n",
                "{\"status\":\"Pushing\",\"progressDetail\":{\"current\":1,\"total\":4}}\r\n",
                "{\"progressDetail\":{},\"aux\":{\"Tag\":\"1\",\"Size\":528}}\r\n",
            ],
            tags: Vec::new(),
            digests: Vec::new(),
            on_build: Vec::new(),
            life: Life::default(),
            waiting: Waiting::default(),
            ignores: Vec::new(),
            pull_brings: true,
            version: VERSION,
            exit: Exit::Code(0),
            output: vec![
                (Kind::Stdout, b"building\n".to_vec()),
                (Kind::Stderr, b"a warning\n".to_vec()),
            ],
            files: vec![7; 3000],
            piece: 32 * 1024,
            slow: false,
        }
    }
}
