//! The bridge of an engine, with NAT for its containers.
//!
//! Engines run without their own iptables rules, because two engines that share chains delete each other's
//! rules. The rules here have a comment that distinguishes them and are removed with the bridge.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{host, kind::Kind};

const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// The bridge of one engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bridge {
    /// The name of the interface, at most 15 bytes.
    pub(crate) name: &'static str,
    /// The third byte of its addresses: `10.221.N.0/24`.
    net: u8,
}

impl Bridge {
    /// Returns the bridge for a kind of engine, if it has one.
    pub(crate) fn of(kind: Kind) -> Option<Self> {
        let (name, net) = match kind {
            Kind::Docker => ("s2i-docker", 1),
            Kind::DockerLatest => ("s2i-latest", 2),
            Kind::Podman => ("s2i-podman", 3),
            Kind::Kubernetes => ("s2i-kube", 4),
            Kind::PodmanUser | Kind::Registry => return None,
        };
        Some(Self { name, net })
    }

    /// Returns the addresses of its containers.
    pub(crate) fn subnet(self) -> String {
        format!("10.221.{}.0/24", self.net)
    }

    /// Returns the address of the bridge.
    pub(crate) fn gateway(self) -> String {
        format!("10.221.{}.1", self.net)
    }

    /// Creates the bridge and its rules.
    pub(crate) fn up(self) -> Result<()> {
        ip(&["link", "add", self.name, "type", "bridge"])?;
        let address = format!("{}/24", self.gateway());
        ip(&["address", "add", &address, "dev", self.name])?;
        ip(&["link", "set", self.name, "up"])?;
        // Forwarding stays enabled without the bridge, because engines that started later may rely on it.
        fs::write(IP_FORWARD, "1").with_context(|| format!("can't write {IP_FORWARD}"))?;
        let rules = self.rules();
        rules.iter().try_for_each(|rule| iptables("-I", rule))
    }

    /// Removes the results of [`Bridge::up`] that exist.
    pub(crate) fn down(self) -> Result<()> {
        for rule in &self.rules() {
            while iptables_quiet("-C", rule) {
                iptables("-D", rule)?;
            }
        }
        if Path::new("/sys/class/net").join(self.name).exists() {
            ip(&["link", "delete", self.name])?;
        }
        Ok(())
    }

    /// Returns the rules. They come before others, because another Docker sets the policy of `FORWARD` to drop.
    fn rules(self) -> [Rule; 3] {
        let words = |words: &[&str]| words.iter().copied().map(str::to_owned).collect::<Vec<_>>();
        let (name, subnet) = (self.name, self.subnet());
        let comment = ["-m", "comment", "--comment", name];
        let rule = |table, chain, matching: &[&str], target| Rule {
            table,
            chain,
            words: [words(matching), words(&comment), words(&["-j", target])].concat(),
        };
        let outgoing = ["-s", &subnet, "!", "-o", name];
        [
            rule("nat", "POSTROUTING", &outgoing, "MASQUERADE"),
            rule("filter", "FORWARD", &["-i", name], "ACCEPT"),
            rule("filter", "FORWARD", &["-o", name], "ACCEPT"),
        ]
    }
}

struct Rule {
    table: &'static str,
    chain: &'static str,
    words: Vec<String>,
}

fn ip(words: &[&str]) -> Result<()> {
    host::run(Command::new("ip").args(words))
}

fn iptables(action: &str, rule: &Rule) -> Result<()> {
    host::run(&mut iptables_command(action, rule))
}

fn iptables_quiet(action: &str, rule: &Rule) -> bool {
    let mut command = iptables_command(action, rule);
    let status = command.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn iptables_command(action: &str, rule: &Rule) -> Command {
    let mut command = Command::new("iptables");
    command
        .args(["-w", "-t", rule.table, action, rule.chain])
        .args(&rule.words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_have_names_and_addresses_of_their_own() {
        let bridges: Vec<Bridge> = Kind::ALL.into_iter().filter_map(Bridge::of).collect();
        for (i, bridge) in bridges.iter().enumerate() {
            assert!(bridge.name.len() <= 15);
            for other in &bridges[i + 1..] {
                assert!(bridge.name != other.name && bridge.subnet() != other.subnet());
            }
        }
    }

    #[test]
    fn every_rule_names_its_bridge() {
        let bridge = Bridge::of(Kind::Docker).unwrap();
        for rule in bridge.rules() {
            assert!(rule.words.join(" ").contains("--comment s2i-docker"));
        }
    }
}
