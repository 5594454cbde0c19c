//! The Procfile: which processes an application has.

/// The name of the file.
pub const PROCFILE: &str = "Procfile";

/// The process that is started unless another is named.
pub const DEFAULT_PROCESS: &str = "web";

/// The processes of an application with their commands, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Procfile(Vec<(String, String)>);

impl Procfile {
    /// Reads the text of a Procfile. Lines that name no process are comments.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (name, command) = line.split_once(':')?;
            let (name, command) = (name.trim(), command.trim());
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            let is_process = !name.is_empty() && name.chars().all(is_name) && !command.is_empty();
            is_process.then(|| (name.to_owned(), command.to_owned()))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// The command of a process.
    #[must_use]
    pub fn command(&self, process: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == process);
        found.map(|(_, command)| command.as_str())
    }

    /// The names of all processes.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
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
