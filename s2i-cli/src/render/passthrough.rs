//! The output of an application, passed on unchanged.

use std::io::{self, Write as _};

use s2i_build::event::{Event, Output};

use super::{bars, human::Human};

/// Passes the output of the application on and shows other events to people.
pub(crate) struct Passthrough(pub(super) Human);

impl Passthrough {
    /// Handles an event. A closed pipe is left to the application.
    pub(super) fn event(&self, event: Event) {
        if matches!(event, Event::Output(..)) {
            bars::clear();
        }
        let _ = match event {
            Event::Output(Output::Stdout, piece) => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&piece).and_then(|()| stdout.flush())
            }
            Event::Output(Output::Stderr, piece) => io::stderr().write_all(&piece),
            event => {
                self.0.event(event);
                Ok(())
            }
        };
    }
}
