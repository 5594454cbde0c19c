//! The Procfile: the processes of an application.

/// The name of the file.
pub(crate) const PROCFILE: &str = "Procfile";

/// The process that is started unless another is named.
pub(crate) const DEFAULT_PROCESS: &str = "web";

/// The processes of an application with their commands, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Procfile(Vec<(String, String)>);

impl Procfile {
    /// Reads the text of a Procfile. Lines that name no process are comments.
    pub(crate) fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (name, command) = line.split_once(':')?;
            let (name, command) = (name.trim(), command.trim());
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            let is_process = !name.is_empty() && name.chars().all(is_name) && !command.is_empty();
            is_process.then(|| (name.to_owned(), command.to_owned()))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// Returns the command of a process.
    pub(crate) fn command(&self, process: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == process);
        found.map(|(_, command)| command.as_str())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_have_names_and_commands() {
        let file = Procfile::parse(
            "# web: no\n\nweb:  node server.js --port=$PORT\r\nrelease-1:a: b\nbad name: x\nempty:\n",
        );
        assert_eq!(file.names(), ["web", "release-1"]);
        assert_eq!(file.command("web"), Some("node server.js --port=$PORT"));
        assert_eq!(file.command("release-1"), Some("a: b"));
        assert_eq!(file.command("empty"), None);
    }
}
