//! argon2 itself, on the calling thread: hashing, verifying, and work that only takes the time of a check.

use std::hint::black_box;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::try_generate_salt;
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::identity::memory::Memory;
use crate::identity::{HashingError, HashingSettings};
use crate::store::StoredHash;

/// The most a hash may ask for, ours or a stored one: whoever can write a row must not be able to make one check take
/// gigabytes or minutes.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const ITERATIONS_MAX: u32 = 16;
const PARALLELISM_MAX: u32 = 16;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The password belongs to the hash.
    Matched {
        /// Whether the hash was made with other parameters than new ones are.
        rehash_needed: bool,
    },
    /// It does not, or there was no hash.
    Mismatched,
}

/// What was done so far, for metrics, and for tests that compare work instead of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Runs of argon2.
    pub hashes: u64,
    /// KiB times passes, over all runs: what the time is proportional to.
    pub kib_passes: u64,
}

impl Work {
    fn of(params: &Params) -> Self {
        Self { hashes: 1, kib_passes: u64::from(params.m_cost()) * u64::from(params.t_cost()) }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { hashes: self.hashes + other.hashes, kib_passes: self.kib_passes + other.kib_passes }
    }
}

/// argon2id with the configured parameters.
pub(crate) struct Hasher {
    argon: Argon2<'static>,
}

impl Hasher {
    pub(crate) fn new(settings: &HashingSettings) -> Result<Self, HashingError> {
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None)
            .map_err(HashingError::parameters)?;
        within_limits(&params)?;
        Ok(Self { argon: Argon2::new(Algorithm::Argon2id, Version::V0x13, params) })
    }

    pub(crate) fn hash(&self, memory: &mut Memory, password: &[u8]) -> (Result<StoredHash, HashingError>, Work) {
        let hash = self.hash_with_new_salt(memory, password).map_err(HashingError::failed);
        (hash.map(|hash| StoredHash::new(hash.to_string())), Work::of(self.argon.params()))
    }

    fn hash_with_new_salt(
        &self,
        memory: &mut Memory,
        password: &[u8],
    ) -> Result<PasswordHash, argon2::password_hash::Error> {
        let salt = Salt::new(&try_generate_salt()?)?;
        let output = output(&self.argon, memory, password, &salt, Params::DEFAULT_OUTPUT_LEN)?;
        Ok(PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(self.argon.params())?,
            salt: Some(salt),
            hash: Some(Output::new(&output)?),
        })
    }

    /// Checks a password. Every check takes the work of the configured parameters, whatever it finds and whether there
    /// is a hash or not, so that the time says nothing about the account:
    ///
    /// - no hash: the configured parameters over a salt of zeros, and a mismatch;
    /// - a hash made with cheaper parameters: its own work, then work that makes up for the difference, also when it
    ///   matched (a locked account with the right password must not be told from a wrong one);
    /// - a hash made with dearer parameters takes longer than the others until the account's next accepted sign-in or
    ///   new password renews it. That cannot be hidden short of doing the dearest stored work for everybody, so lower
    ///   the parameters only when there is a reason to.
    pub(crate) fn verify(
        &self,
        memory: &mut Memory,
        password: &[u8],
        stored: Option<&StoredHash>,
    ) -> (Result<Match, HashingError>, Work) {
        let Some(stored) = stored else {
            let done = burn(&self.argon, memory, password);
            return (done.map(|()| Match::Mismatched), Work::of(self.argon.params()));
        };
        let stored = match Stored::read(stored) {
            Ok(stored) => stored,
            Err(error) => return (Err(error), Work::default()),
        };
        let work = Work::of(stored.argon.params());
        let found = match output(&stored.argon, memory, password, &stored.salt, stored.output.len()) {
            Ok(output) if bool::from(output.ct_eq(stored.output.as_bytes())) => {
                Match::Matched { rehash_needed: self.is_other(&stored) }
            }
            Ok(_) => Match::Mismatched,
            Err(error) => return (Err(HashingError::failed(error.into())), work),
        };
        match self.make_up_for(stored.argon.params(), memory, password) {
            Ok(extra) => (Ok(found), work.and(extra)),
            Err(error) => (Err(error), work),
        }
    }

    fn is_other(&self, stored: &Stored) -> bool {
        let (theirs, ours) = (stored.argon.params(), self.argon.params());
        stored.algorithm != Algorithm::Argon2id
            || stored.version != Some(Version::V0x13)
            || (theirs.m_cost(), theirs.t_cost(), theirs.p_cost()) != (ours.m_cost(), ours.t_cost(), ours.p_cost())
            || stored.output.len() < Params::DEFAULT_OUTPUT_LEN
    }

    /// Work that, added to that of `done`, is about the configured amount: as many passes over as little memory as the
    /// difference takes.
    fn make_up_for(&self, done: &Params, memory: &mut Memory, password: &[u8]) -> Result<Work, HashingError> {
        let ours = self.argon.params();
        let missing = Work::of(ours).kib_passes.saturating_sub(Work::of(done).kib_passes);
        let passes = missing.div_ceil(u64::from(ours.m_cost())).max(1);
        let kib = u32::try_from(missing / passes).unwrap_or(u32::MAX);
        if kib < Params::MIN_M_COST {
            return Ok(Work::default());
        }
        let passes = u32::try_from(passes).unwrap_or(u32::MAX);
        let params = Params::new(kib, passes, 1, None).map_err(HashingError::parameters)?;
        let work = Work::of(&params);
        burn(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory, password)?;
        Ok(work)
    }
}

/// A stored hash and the argon2 that it was made with.
struct Stored {
    argon: Argon2<'static>,
    algorithm: Algorithm,
    version: Option<Version>,
    salt: Salt,
    output: Output,
}

impl Stored {
    fn read(stored: &StoredHash) -> Result<Self, HashingError> {
        let hash = PasswordHash::new(stored.as_str()).map_err(|_| HashingError::unreadable())?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| HashingError::unreadable())?;
        let version = hash.version.map(Version::try_from).transpose().map_err(|_| HashingError::unreadable())?;
        let params = Params::try_from(&hash).map_err(|_| HashingError::unreadable())?;
        let (Some(salt), Some(output)) = (hash.salt, hash.hash) else {
            return Err(HashingError::unreadable());
        };
        within_limits(&params)?;
        let argon = Argon2::new(algorithm, version.unwrap_or_default(), params);
        Ok(Self { argon, algorithm, version, salt, output })
    }
}

fn within_limits(params: &Params) -> Result<(), HashingError> {
    let within =
        params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= ITERATIONS_MAX && params.p_cost() <= PARALLELISM_MAX;
    if within { Ok(()) } else { Err(HashingError::too_costly()) }
}

/// One run of argon2: every run is this one, so that none allocates its memory for itself.
fn output(
    argon: &Argon2<'_>,
    memory: &mut Memory,
    password: &[u8],
    salt: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, argon2::Error> {
    let mut output = Zeroizing::new(vec![0; length]);
    let blocks = memory.of(argon.params().m_cost())?;
    argon.hash_password_into_with_memory(password, salt, &mut output, blocks)?;
    Ok(output)
}

/// The work of a hash that nobody looks at.
fn burn(argon: &Argon2<'_>, memory: &mut Memory, password: &[u8]) -> Result<(), HashingError> {
    let output = output(argon, memory, password, &[0; 16], Params::DEFAULT_OUTPUT_LEN)
        .map_err(|error| HashingError::failed(error.into()))?;
    black_box(&*output);
    Ok(())
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;
    use crate::domain::NoAnswer;
    use crate::identity::fixture;

    fn hasher(memory_kib: u32, iterations: u32) -> Hasher {
        Hasher::new(&HashingSettings { memory_kib, iterations, ..fixture::settings() })
            .expect("the parameters are good")
    }

    fn hashed(hasher: &Hasher, password: &str) -> StoredHash {
        hasher.hash(&mut memory(), password.as_bytes()).0.expect("hashed")
    }

    fn memory() -> Memory {
        Memory::new(64)
    }

    fn found(hasher: &Hasher, password: &str, stored: &StoredHash) -> Match {
        hasher.verify(&mut memory(), password.as_bytes(), Some(stored)).0.expect("checked")
    }

    #[test]
    fn a_password_matches_its_own_hash_and_no_other() {
        let hasher = hasher(64, 2);
        let stored = hashed(&hasher, " zoë's\tpassword ");
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{}", stored.as_str());
        assert_eq!(found(&hasher, " zoë's\tpassword ", &stored), Match::Matched { rehash_needed: false });
        for other in ["zoë's\tpassword", " zoë's\tpassword", "", " ZOË's\tpassword "] {
            assert_eq!(found(&hasher, other, &stored), Match::Mismatched, "{other:?}");
        }
        assert_ne!(stored.as_str(), hashed(&hasher, " zoë's\tpassword ").as_str(), "the salt is new each time");
    }

    #[test]
    fn a_hash_made_otherwise_still_matches_and_is_to_be_renewed() {
        let now = hasher(64, 2);
        let params = Params::new(64, 2, 1, None).expect("good");
        let other_algorithm = Argon2::new(Algorithm::Argon2i, Version::V0x13, params.clone());
        let other_version = Argon2::new(Algorithm::Argon2id, Version::V0x10, params);
        let others = [
            hashed(&hasher(16, 1), "secret"),
            hashed(&hasher(64, 1), "secret"),
            hashed(&hasher(128, 2), "secret"),
            StoredHash::new(other_algorithm.hash_password(b"secret").expect("hashed").to_string()),
            StoredHash::new(other_version.hash_password(b"secret").expect("hashed").to_string()),
        ];
        for stored in others {
            assert_eq!(found(&now, "secret", &stored), Match::Matched { rehash_needed: true }, "{}", stored.as_str());
            assert_eq!(found(&now, "Secret", &stored), Match::Mismatched, "{}", stored.as_str());
        }
    }

    #[test]
    fn what_earlier_checks_left_in_the_memory_changes_no_result() {
        let mut memory = memory();
        for (kib, passes) in [(64, 1), (16, 3), (256, 2), (8, 1), (100, 2)] {
            let hasher = hasher(kib, passes);
            let stored = hasher.hash(&mut memory, b"secret").0.expect("hashed");
            let theirs = PasswordHash::new(stored.as_str()).expect("a hash");
            assert_eq!(Argon2::default().verify_password(b"secret", &theirs), Ok(()), "{}", stored.as_str());
            for (password, expected) in [("secret", Match::Matched { rehash_needed: false }), ("no", Match::Mismatched)]
            {
                let found = hasher.verify(&mut memory, password.as_bytes(), Some(&stored)).0.expect("checked");
                assert_eq!(found, expected, "{password} {}", stored.as_str());
            }
        }
    }

    #[test]
    fn every_check_is_the_same_amount_of_work() {
        let now = hasher(256, 2);
        let same = hashed(&now, "secret");
        let cheaper = [(8, 1), (64, 1), (64, 3), (256, 1), (100, 5)].map(|(m, t)| hashed(&hasher(m, t), "secret"));
        let expected = 256 * 2;
        assert_eq!(now.verify(&mut memory(), b"secret", None).1, Work { hashes: 1, kib_passes: expected });
        assert_eq!(now.verify(&mut memory(), b"secret", Some(&same)).1, Work { hashes: 1, kib_passes: expected });
        assert_eq!(now.verify(&mut memory(), b"wrong", Some(&same)).1, Work { hashes: 1, kib_passes: expected });
        for stored in cheaper {
            for password in ["secret", "wrong"] {
                let work = now.verify(&mut memory(), password.as_bytes(), Some(&stored)).1;
                assert!(expected - work.kib_passes <= 8, "{} took {work:?}", stored.as_str());
            }
        }
    }

    #[test]
    fn a_stored_hash_that_asks_for_too_much_is_refused_before_any_work() {
        let hasher = hasher(64, 1);
        let cases = [
            "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
            "$argon2id$v=19$m=64,t=4000000000,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
            "$argon2id$v=19$m=1024,t=1,p=64$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
        ];
        for phc in cases {
            let (result, work) = hasher.verify(&mut memory(), b"secret", Some(&StoredHash::new(phc)));
            let error = result.expect_err(phc);
            assert_eq!(error.to_string(), "the argon2 parameters are above 256 MiB, 16 passes or 16 lanes");
            assert_eq!((error.no_answer(), work), (NoAnswer::Misconfigured, Work::default()));
        }
    }

    #[test]
    fn what_is_no_hash_of_argon2_gives_no_answer() {
        let hasher = hasher(64, 1);
        let cases = [
            "",
            "secret",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0",
            "$argon2id$v=20$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
            "$argon2id$v=19$m=0,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g",
        ];
        for phc in cases {
            let error = hasher.verify(&mut memory(), b"secret", Some(&StoredHash::new(phc))).0.expect_err(phc);
            assert_eq!(error.no_answer(), NoAnswer::Misconfigured, "{phc}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn parameters_that_argon2_cannot_work_with_are_refused() {
        for (memory_kib, iterations, parallelism) in [(4, 1, 1), (64, 0, 1), (64, 1, 0), (8, 1, 2), (300_000, 1, 1)] {
            let settings = HashingSettings { memory_kib, iterations, parallelism, ..fixture::settings() };
            let error = Hasher::new(&settings).err().expect("refused");
            assert_eq!(error.no_answer(), NoAnswer::Misconfigured, "{settings:?}");
        }
    }
}
