//! What one question teaches for the next: tokens, and hosts that want user and password.

use super::token::Token;
use super::{Credential, Repository};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Tokens that are kept at most.
const MOST: usize = 10_000;

/// Proofs that still hold. A token is for one repository and whoever asked for it.
#[derive(Default)]
pub struct Memory {
    tokens: BTreeMap<(Repository, Option<Credential>), Token>,
    basic: BTreeSet<(String, bool)>,
}

/// Tokens are not shown.
impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

/// How a request says who sends it.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// It does not.
    None,
    /// User and password.
    Basic,
    /// A token.
    Bearer(String),
}

impl Memory {
    /// How to begin.
    pub(super) fn proof(&self, repository: &Repository, credential: Option<&Credential>, now: Timestamp) -> Proof {
        let key = (repository.clone(), credential.cloned());
        if let Some(token) = self.tokens.get(&key).filter(|token| token.until > now) {
            return Proof::Bearer(token.text.clone());
        }
        let wants = credential.is_some() && self.basic.contains(&(repository.host.clone(), repository.plain));
        if wants { Proof::Basic } else { Proof::None }
    }

    pub(super) fn keep(
        &mut self,
        repository: &Repository,
        credential: Option<&Credential>,
        token: Token,
        now: Timestamp,
    ) {
        if self.tokens.len() >= MOST {
            self.tokens.retain(|_, token| token.until > now);
        }
        if self.tokens.len() < MOST && token.until > now {
            self.tokens.insert((repository.clone(), credential.cloned()), token);
        }
    }

    pub(super) fn forget(&mut self, repository: &Repository, credential: Option<&Credential>) {
        self.tokens.remove(&(repository.clone(), credential.cloned()));
    }

    pub(super) fn wants_basic(&mut self, repository: &Repository) {
        self.basic.insert((repository.host.clone(), repository.plain));
    }
}
