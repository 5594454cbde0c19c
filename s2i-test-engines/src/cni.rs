//! The network of Podman's containers, and the chains that its plugins leave in iptables.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{host, network::Bridge, state::Record};

/// The prefix of the chains that the plugin for published ports creates.
const CHAINS: &str = "CNI-";
/// The prefix of those chains that belong to one container each.
const CONTAINERS: &str = "CNI-DN-";

/// Returns the default network: our bridge, without rules other than those for published ports.
pub(crate) fn network(bridge: Bridge, addresses: &str) -> String {
    let ipam = json!({
        "type": "host-local",
        "dataDir": addresses,
        "routes": [{ "dst": "0.0.0.0/0" }],
        "ranges": [[{ "subnet": bridge.subnet(), "gateway": bridge.gateway() }]],
    });
    let plugins = json!([
        { "type": "bridge", "bridge": bridge.name, "isGateway": true, "hairpinMode": true, "ipam": ipam },
        { "type": "portmap", "capabilities": { "portMappings": true } },
        { "type": "tuning" },
    ]);
    json!({ "cniVersion": "0.4.0", "name": "podman", "plugins": plugins }).to_string()
}

/// Returns the existing chains of plugins.
pub(crate) fn chains() -> Result<Vec<String>> {
    Ok(Rules::parse(&save()?).chains)
}

/// Removes the chains of our containers. Removes the other new chains too, unless another container has a
/// published port.
pub(crate) fn remove_chains(record: &Record, bridge: Bridge) -> Result<()> {
    let Some(before) = &record.chains_before else {
        return Ok(());
    };
    let edits = Rules::parse(&save()?).removal(before, &bridge.subnet());
    if edits.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("iptables-restore");
    command.args(["-w", "--noflush"]).stdin(Stdio::piped());
    let mut child = command.spawn().context("can't start iptables-restore")?;
    let mut stdin = child
        .stdin
        .take()
        .context("iptables-restore has no input")?;
    let written = stdin.write_all(format!("*nat\n{edits}COMMIT\n").as_bytes());
    written.context("can't write to iptables-restore")?;
    drop(stdin);
    let status = child.wait().context("can't wait for iptables-restore")?;
    ensure!(status.success(), "iptables-restore ended with {status}");
    Ok(())
}

fn save() -> Result<String> {
    host::output(Command::new("iptables-save").args(["-t", "nat"]))
}

/// The rules of plugins in the output of `iptables-save`.
struct Rules {
    chains: Vec<String>,
    /// A rule is `CHAIN MATCHES -j TARGET`, without the leading `-A`.
    rules: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> Self {
        let chains = text
            .lines()
            .filter_map(|line| line.strip_prefix(':')?.split(' ').next());
        let chains = chains.filter(|name| name.starts_with(CHAINS));
        let rules = text.lines().filter_map(|line| line.strip_prefix("-A "));
        Self {
            chains: chains.map(str::to_owned).collect(),
            rules: rules.map(str::to_owned).collect(),
        }
    }

    /// Returns lines for `iptables-restore`.
    fn removal(&self, before: &[String], subnet: &str) -> String {
        let (containers, base): (Vec<_>, Vec<_>) = self
            .chains
            .iter()
            .partition(|chain| chain.starts_with(CONTAINERS));
        let (mut gone, others): (Vec<_>, Vec<_>) = containers
            .into_iter()
            .partition(|chain| self.leads_into(chain, subnet));
        if others.is_empty() {
            gone.extend(base.into_iter().filter(|chain| !before.contains(chain)));
        }
        let mut edits = String::new();
        for rule in &self.rules {
            let jumps = gone
                .iter()
                .any(|chain| rule.ends_with(&format!("-j {chain}")));
            let goes_with_chain = gone
                .iter()
                .any(|chain| rule.starts_with(&format!("{chain} ")));
            if jumps && !goes_with_chain {
                edits.extend(["-D ", rule, "\n"]);
            }
        }
        for action in ["-F", "-X"] {
            edits.extend(gone.iter().map(|chain| format!("{action} {chain}\n")));
        }
        edits
    }

    /// Returns whether a container's chain leads to an address in our subnet.
    fn leads_into(&self, chain: &str, subnet: &str) -> bool {
        let network = subnet
            .rsplit_once('.')
            .map_or(subnet, |(network, _)| network);
        let destination = format!("--to-destination {network}.");
        let mut own = self
            .rules
            .iter()
            .filter(|rule| rule.starts_with(&format!("{chain} ")));
        own.any(|rule| rule.contains(&destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:CNI-HOSTPORT-DNAT - [0:0]\n:CNI-HOSTPORT-MASQ - [0:0]\n\
        -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT\n-A POSTROUTING -j OTHER\n\
        -A CNI-HOSTPORT-MASQ -j MASQUERADE\nCOMMIT\n";
    const CONTAINER: &str = ":CNI-DN-1 - [0:0]\n-A CNI-HOSTPORT-DNAT -p tcp -j CNI-DN-1\n\
        -A CNI-DN-1 -p tcp -j DNAT --to-destination 10.221.3.7:8080\n";

    #[track_caller]
    fn check(text: &str, before: &[&str], expected: &[&str]) {
        let before: Vec<String> = before.iter().copied().map(str::to_owned).collect();
        let edits = Rules::parse(text).removal(&before, "10.221.3.0/24");
        assert_eq!(edits.lines().collect::<Vec<_>>(), expected);
    }

    const BASE: [&str; 5] = [
        "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
        "-F CNI-HOSTPORT-DNAT",
        "-F CNI-HOSTPORT-MASQ",
        "-X CNI-HOSTPORT-DNAT",
        "-X CNI-HOSTPORT-MASQ",
    ];

    #[test]
    fn chains_without_ports_are_removed() {
        check(RULES, &[], &BASE);
    }

    #[test]
    fn chains_of_before_stay() {
        check(RULES, &["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ"], &[]);
    }

    #[test]
    fn only_what_is_for_our_container_is_removed_beside_chains_of_before() {
        let expected = [
            "-D CNI-HOSTPORT-DNAT -p tcp -j CNI-DN-1",
            "-F CNI-DN-1",
            "-X CNI-DN-1",
        ];
        check(
            &format!("{RULES}{CONTAINER}"),
            &["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ"],
            &expected,
        );
    }

    #[test]
    fn all_chains_stay_while_the_port_of_another_is_published() {
        let other = CONTAINER.replace("10.221.3.7", "10.88.0.7");
        check(&format!("{RULES}{other}"), &[], &[]);
    }
}
