//! The version of the cluster.

use super::Finding;
use crate::client::{
    cluster::{Cluster, answer},
    error::Operation,
};

/// The first minor version whose Jobs have the policy of failures by default that builds need, together with the
/// replacement of pods after their end.
const OLDEST: u32 = 29;

const SUBJECT: &str = "version";

pub(super) async fn check(cluster: &Cluster) -> Vec<Finding> {
    let operation = Operation {
        verb: "get",
        resource: "/version".into(),
        name: None,
        namespace: String::new(),
    };
    match answer(&operation, cluster.client.apiserver_version()).await {
        Ok(version) => vec![finding(
            &version.major,
            &version.minor,
            &version.git_version,
        )],
        // All else would fail in the same way, with the same words.
        Err(error) => vec![Finding::new(
            super::Level::Problem,
            SUBJECT,
            error.to_string(),
            None,
        )],
    }
}

fn finding(major: &str, minor: &str, full: &str) -> Finding {
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    let minor: u32 = digits.parse().unwrap_or_default();
    if major == "1" && minor < OLDEST {
        let text =
            format!("{full} is older than 1.{OLDEST}, and would try a script that failed again");
        return Finding::problem(
            SUBJECT,
            text,
            format!("use a cluster of 1.{OLDEST} or newer"),
        );
    }
    Finding::fine(SUBJECT, full)
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    #[test]
    fn old_versions_are_problems() {
        let level = |minor: &str| finding("1", minor, "v").level;
        assert_eq!(
            [level("28"), level("28+"), level("29"), level("36")],
            [Level::Problem, Level::Problem, Level::Fine, Level::Fine]
        );
    }
}
