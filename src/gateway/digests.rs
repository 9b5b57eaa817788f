//! What stands for credentials in memory: digests under keys that live as long as the process.

use zeroize::Zeroizing;

use crate::domain::{AccountId, Credentials, GuessTag, SignIn};
use crate::gateway::question::{Digest, Scope};
use crate::gateway::table::Fingerprint;

/// What stands for an account in a remembered yes: counting a shared identifier up and down for every call would make
/// processors wait for each other.
pub(crate) type AccountMark = [u8; 16];

/// Makes digests.
pub(crate) struct Digests {
    key: [u8; 32],
    tag_key: [u8; 32],
}

impl Digests {
    /// Under `key`, which is random and lives as long as the process.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, tag_key: blake3::derive_key("soapgate guesses 1", &key) }
    }

    /// What stands for a guess: whoever knows the account by whatever identifier, the same password is the same guess.
    pub(crate) fn tag(&self, scope: &Scope<'_>, credentials: &Credentials) -> GuessTag {
        let mut hasher = blake3::Hasher::new_keyed(&self.tag_key);
        hasher.update(scope.institution).update(credentials.password().expose().as_bytes());
        let mut tag = GuessTag::default();
        hasher.finalize_xof().fill(&mut tag);
        tag
    }

    /// What stands for an account in a remembered yes.
    pub(crate) fn mark(&self, account: &AccountId) -> AccountMark {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // No institution code holds a NUL.
        hasher.update(account.institution().as_str().as_bytes()).update(&[0]).update(account.identifier().as_bytes());
        let mut mark = AccountMark::default();
        hasher.finalize_xof().fill(&mut mark);
        mark
    }

    /// What stands for a question.
    pub(crate) fn question(&self, scope: &Scope<'_>, credentials: &Credentials) -> Digest {
        let account = credentials.account();
        let parts = [account.institution().as_str(), account.identifier(), credentials.password().expose()];
        // In one piece, which is hashed faster than many, and wiped. The room is enough, so that it never moves.
        let room = 2 * size_of::<Fingerprint>() + 1 + parts.iter().map(|part| 8 + part.len()).sum::<usize>();
        let mut question = Zeroizing::new(Vec::with_capacity(room));
        question.extend_from_slice(scope.route);
        question.extend_from_slice(scope.institution);
        question.push(match scope.sign_in {
            SignIn::Account => b'a',
            SignIn::KnownIntegration => b'i',
        });
        for part in parts {
            question.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            question.extend_from_slice(part.as_bytes());
        }
        let digest = *blake3::keyed_hash(&self.key, &question).as_bytes();
        // What a vector has room for is wiped at once, what it holds byte by byte.
        question.clear();
        digest
    }
}
