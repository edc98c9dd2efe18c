//! Hashing of passwords, which takes a machine's time on purpose.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use entity::Problem;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::ports::Ports;
use super::problem::{NOT_READY, OVERLOADED};

/// Longest wait for a processor that hashes. Who waits longer had better come again later.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Length of a salt, in bytes. Source: RFC 9106, 3.1.
const SALT_BYTES: usize = 16;

/// Hashes and verifies passwords, as many at once as [`Ports::hashes_max`] says.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    ports: Ports,
    permits: Arc<Semaphore>,
    argon2: Argon2<'static>,
    /// Verified against when there is no hash, so that both take equally long.
    dummy: Arc<str>,
}

impl Passwords {
    /// Prepares argon2id at this cost: memory in KiB, and passes over it.
    ///
    /// # Panics
    ///
    /// When argon2 does not allow the cost, which the configuration has checked.
    pub(crate) fn new(ports: Ports, memory_kib: u32, iterations: u32) -> Self {
        let params = Params::new(memory_kib, iterations, 1, None).expect("checked by `config`");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let permits = Arc::new(Semaphore::new(ports.hashes_max));
        let dummy = hash(&argon2, "nobody's password", &ports.bytes()).into();
        Self { ports, permits, argon2, dummy }
    }

    /// Hashes `password` with a new salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Problem> {
        let salt = self.ports.bytes();
        self.run(move |argon2| hash(argon2, &password, &salt)).await
    }

    /// Whether `password` has `stored`. Takes as long, and is never true, when nothing is stored.
    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, Problem> {
        let is_stored = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.to_string());
        let is_right = self.run(move |argon2| verify(argon2, &password, &stored)).await?;
        Ok(is_right && is_stored)
    }

    /// Runs `work` where it keeps nobody waiting. Whoever gives up waiting for the result leaves the permit
    /// with the work, so never more of it runs than there are processors.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'_>) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let overloaded = || OVERLOADED.because("Too many passwords are being hashed. Try again.");
        let waiting = timeout(WAIT_MAX, Arc::clone(&self.permits).acquire_owned());
        let permit = waiting.await.ok().ok_or_else(overloaded)?;
        let permit = permit.expect("the semaphore is never closed");
        let argon2 = self.argon2.clone();
        let running = self.ports.offload.run(move || {
            let result = work(&argon2);
            drop(permit);
            result
        });
        running.await.map_err(|_ending| NOT_READY.because("This node is going down."))
    }
}

fn hash(argon2: &Argon2<'_>, password: &str, salt: &[u8; SALT_BYTES]) -> String {
    let hash: PasswordHash = argon2
        .hash_password_with_salt(password.as_bytes(), salt)
        .expect("bounded in length by the services");
    hash.to_string()
}

fn verify(argon2: &Argon2<'_>, password: &str, stored: &str) -> bool {
    argon2.verify_password(password.as_bytes(), stored).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_are_told_apart() {
        let passwords = Passwords::new(Ports::machine(), 8, 1);
        let hash = passwords.hash("right horse".into()).await.expect("nothing else is hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        let cases = [
            ("right horse", Some(hash.clone()), true),
            ("wrong horse", Some(hash.clone()), false),
            ("", Some(hash), false),
            ("right horse", Some("damaged".into()), false),
            ("right horse", None, false),
            ("nobody's password", None, false),
        ];
        for (password, stored, expected) in cases {
            let found = passwords.verify(password.into(), stored).await;
            assert_eq!(found, Ok(expected), "{password}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_bounded() {
        let passwords = Passwords::new(Ports::machine(), 8, 1);
        let all = passwords.permits.available_permits();
        let _busy = passwords.permits.acquire_many(u32::try_from(all).expect("few")).await;
        let problem = passwords.hash("right horse".into()).await.expect_err("nothing is free");
        assert_eq!(problem.class, OVERLOADED);
    }
}
