//! The context of a command: the global options, the configuration and the host.

use s2i_build::{
    Notice,
    event::{Event, EventSink as _},
};
use s2i_core::Diagnostic;

use crate::{
    args::Global,
    config::Config,
    host::Host,
    render::{Announcer, Renderer},
};

/// The context of every command.
pub(crate) struct CommandContext<'a> {
    pub(crate) global: &'a Global,
    pub(crate) config: &'a Config,
    pub(crate) host: &'a Host,
}

impl CommandContext<'_> {
    pub(crate) fn renderer(&self) -> Renderer {
        Renderer::new(self.global, false, self.host)
    }

    /// Returns the announcer for signals.
    pub(crate) fn announcer(&self) -> Announcer {
        Announcer::new(self.renderer().is_json())
    }

    /// Shows a warning about `subject`.
    pub(crate) fn warn(&self, subject: impl Into<String>, message: &str) {
        let warning = Event::Warning(Diagnostic::new(subject, message));
        self.renderer().event(warning);
    }

    /// Shows a notice.
    pub(crate) fn notice(&self, notice: Notice) {
        self.renderer().event(Event::Notice(notice));
    }
}
