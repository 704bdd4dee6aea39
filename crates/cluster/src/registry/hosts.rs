//! How each registry is reached: with TLS, with an authority of its own, without a check, or without TLS.

use serinus_talk::registry::{Trouble, Why};
use std::collections::{BTreeMap, BTreeSet};

/// How registries are reached. One that is not named here speaks TLS with a certificate that this machine trusts.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    plain: BTreeSet<String>,
    unchecked: BTreeSet<String>,
    authorities: BTreeMap<String, Vec<Vec<u8>>>,
    lax: bool,
}

/// Whose certificates are trusted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// Those that this machine trusts.
    Machine,
    /// Those that one of these authorities signed (DER).
    Authorities(Vec<Vec<u8>>),
    /// Any.
    Anybody,
}

impl Hosts {
    /// A registry that speaks HTTP without TLS.
    pub fn add_plain(&mut self, host: &str) {
        self.plain.insert(host.to_string());
    }

    /// A registry whose certificate is not checked.
    pub fn add_unchecked(&mut self, host: &str) {
        self.unchecked.insert(host.to_string());
    }

    /// A registry whose certificate is signed by one of the authorities in `pem`.
    ///
    /// # Errors
    /// There is no certificate in it.
    pub fn add_authority(&mut self, host: &str, pem: &str) -> Result<(), String> {
        let found = certificates(pem);
        if found.is_empty() {
            return Err(format!("registry {host}: the file of its authority holds no PEM certificate"));
        }
        self.authorities.entry(host.to_string()).or_default().extend(found);
        Ok(())
    }

    /// As `INSECURE_REGISTRY=true` has it: no certificate is checked, and who can't be reached with TLS is asked without.
    pub fn be_lax(&mut self) {
        self.lax = true;
    }

    pub(super) fn is_lax(&self) -> bool {
        self.lax
    }

    pub(super) fn is_plain(&self, host: &str) -> bool {
        self.plain.contains(host)
    }

    pub(super) fn trust(&self, host: &str) -> Trust {
        match self.authorities.get(host) {
            Some(authorities) => Trust::Authorities(authorities.clone()),
            None if self.lax || self.unchecked.contains(host) => Trust::Anybody,
            None => Trust::Machine,
        }
    }
}

/// What helps against a registry that can't be reached.
pub(super) fn unreachable(repository: &serinus_talk::registry::Repository, why: &str) -> Trouble {
    let way = if repository.plain {
        "check the host and the network"
    } else {
        "check the host, the network and its certificate; --plain-registry names one without TLS, --registry-ca one with an authority of its own"
    };
    Trouble::new(Why::Unreachable, repository, &format!("{why}: {way}"))
}

/// The certificates of a PEM file.
fn certificates(pem: &str) -> Vec<Vec<u8>> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let text = |block: &str| -> Option<String> {
        let (body, _) = block.split_once("-----END CERTIFICATE-----")?;
        Some(body.chars().filter(|char| !char.is_whitespace()).collect())
    };
    blocks
        .filter_map(text)
        .filter_map(|text| serinus_gocompat::base64::decode(&text))
        .filter(|bytes| !bytes.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_its_rule() {
        let mut hosts = Hosts::default();
        hosts.add_plain("172.16.77.115:5000");
        hosts.add_unchecked("lax.io");
        let pem = "x\n-----BEGIN CERTIFICATE-----\nAQID\r\nBA==\n-----END CERTIFICATE-----\ny\n";
        hosts.add_authority("own.io", pem).unwrap();
        assert!(hosts.is_plain("172.16.77.115:5000") && !hosts.is_plain("172.16.77.115"));
        assert!(hosts.trust("lax.io") == Trust::Anybody && hosts.trust("r.io") == Trust::Machine);
        assert!(hosts.trust("own.io") == Trust::Authorities(vec![vec![1, 2, 3, 4]]));
        assert!(hosts.add_authority("own.io", "-----BEGIN CERTIFICATE-----\n!").is_err());
        hosts.be_lax();
        assert!(hosts.trust("r.io") == Trust::Anybody && hosts.trust("own.io") != Trust::Anybody);
    }
}
