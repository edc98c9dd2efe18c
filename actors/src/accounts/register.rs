//! How somebody becomes a user.

use std::time::Duration;

use entity::{Operating, Operation, ProblemClass, Refusal, Stop, data};

use crate::accounts::api::{
    AccountStatus, Credentials, HandleName, Open, OpenError, Opened, PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN, Password, PasswordHash, RegisterError, Secret, StartSessionError, Status,
    UserId,
};
use crate::accounts::log_in::{LoggedIn, start_session};

/// Most questions whether the handle is acquired: 1.6 seconds with the pauses between them.
pub const ASKS_MAX: u32 = 20;

/// First pause between two questions: the saga's messages take about as long.
pub const PAUSE_MIN: Duration = Duration::from_millis(5);

/// Longest pause between two questions. Each pause is twice the one before, up to this.
pub const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Registers a user and logs them in.
///
/// A repeat under the same `Idempotency-Key` means the same account, and starts another session if
/// it comes with the same password.
#[data]
pub struct Register {
    /// The handle it is to have: 3 to 30 characters of a-z, 0-9 and `_`. Capital letters become small.
    pub handle: HandleName,
    /// Its password: 8 to 128 characters.
    pub password: Password,
}

impl Operation for Register {
    type Reply = LoggedIn;

    fn problems() -> Vec<ProblemClass> {
        [RegisterError::PROBLEMS, OpenError::PROBLEMS, StartSessionError::PROBLEMS].concat()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<LoggedIn, Stop> {
        self.check()?;
        let secret = Secret(cx.secret()?);
        // A repeat has the same request id, so it finds the account of the first time.
        let user = UserId(cx.request()?);
        let password_hash = PasswordHash(cx.hash_password(&self.password.0)?);
        let open = Open { handle: self.handle.clone(), password_hash };
        let opened = cx.call(&user, &open)??;
        await_active(user, cx)?;
        match opened {
            Opened::Now => {}
            // The password may be another one: what was opened before keeps its own.
            Opened::Before => self.prove(user, cx)?,
        }
        let token = start_session(user, secret, String::new(), cx)?;
        Ok(LoggedIn::new(self.handle.clone(), token))
    }
}

impl Register {
    fn check(&self) -> Result<(), RegisterError> {
        match self.password.0.chars().count() {
            PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX => Ok(()),
            chars => Err(RegisterError::PasswordSize { chars: chars as u64 }),
        }
    }

    /// Refuses whoever repeats a request that they did not make: they lack the password.
    fn prove(&self, user: UserId, cx: &mut Operating<'_>) -> Result<(), Stop> {
        let PasswordHash(hash) = cx.ask(&user, &Credentials {})??;
        if !cx.verify_password(&self.password.0, Some(&hash))? {
            return Err(RegisterError::HandleTaken.into());
        }
        Ok(())
    }
}

/// Asks until the account's handle is acquired.
fn await_active(user: UserId, cx: &mut Operating<'_>) -> Result<(), Stop> {
    let mut pause = PAUSE_MIN;
    for _ in 1..ASKS_MAX {
        if is_active(user, cx)? {
            return Ok(());
        }
        cx.pause(pause)?;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    if !is_active(user, cx)? {
        return Err(RegisterError::Opening.into());
    }
    Ok(())
}

fn is_active(user: UserId, cx: &mut Operating<'_>) -> Result<bool, Stop> {
    match cx.ask(&user, &Status {})?? {
        AccountStatus::Active => Ok(true),
        AccountStatus::Nobody | AccountStatus::Opening => Ok(false),
        AccountStatus::Refused => Err(RegisterError::HandleTaken.into()),
    }
}
