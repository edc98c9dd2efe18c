//! Why accounts refuse: every refusal with its status, its stable code and its sentence.

use entity::{data, refusals};

use crate::accounts::api::{
    LABEL_BYTES_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORD_HASH_BYTES_MAX,
};

/// Why an account is not opened.
#[data]
pub enum OpenError {
    /// The account was opened before, with another handle.
    OtherHandle,
    /// The hash is longer than [`PASSWORD_HASH_BYTES_MAX`].
    PasswordHashSize {
        /// Its length, in bytes.
        bytes: u64,
    },
}

refusals! { OpenError {
    OtherHandle => 409 "account_other_handle" "The account was opened with another handle; use another Idempotency-Key.",
    PasswordHashSize { bytes } => 422 "account_password_hash_size" "The hash has {bytes} bytes; at most {PASSWORD_HASH_BYTES_MAX} fit.",
} }

/// Why no session starts.
#[data]
pub enum StartSessionError {
    /// The account is not active.
    NotActive,
    /// The label is longer than [`LABEL_BYTES_MAX`].
    LabelSize {
        /// Its length, in bytes.
        bytes: u64,
    },
}

refusals! { StartSessionError {
    NotActive => 409 "account_not_active" "The account is not active; register it first.",
    LabelSize { bytes } => 422 "session_label_size" "The label has {bytes} bytes; use at most {LABEL_BYTES_MAX}.",
} }

/// Why a session is not ended.
#[data]
pub enum EndSessionError {
    /// The account has no such session, or has none any more.
    Unknown,
}

refusals! { EndSessionError {
    Unknown => 404 "session_unknown" "There is no such session; it may have ended already.",
} }

/// Why a token proves nothing. It is not told which part of it is wrong.
#[data]
pub enum VerifySessionError {
    /// The session never was, has ended, has expired, or has another secret.
    Invalid,
}

refusals! { VerifySessionError {
    Invalid => 401 "token_invalid" "The token is not in force any more; log in again.",
} }

/// Why there is nothing to tell of an account.
#[data]
pub enum ProfileError {
    /// The account is not active.
    Unknown,
}

refusals! { ProfileError {
    Unknown => 404 "user_unknown" "There is no such user.",
} }

/// Why a handle is not to be had.
#[data]
pub enum TakenError {
    /// Another account has it, or has reserved it.
    Taken,
}

refusals! { TakenError {
    Taken => 409 "handle_taken" "The handle is taken; choose another one.",
} }

/// Why a handle has no owner.
#[data]
pub enum FindOwnerError {
    /// Nobody has it; it may be reserved.
    Unknown,
}

refusals! { FindOwnerError {
    Unknown => 404 "handle_unknown" "Nobody has this handle.",
} }

/// Why no session started.
#[data]
pub enum LogInError {
    /// Nobody has the handle, or the password is another one.
    CredentialsWrong,
}

refusals! { LogInError {
    CredentialsWrong => 401 "credentials_wrong" "Handle and password do not belong together.",
} }

/// Why nobody was registered.
#[data]
pub enum RegisterError {
    /// The password is not [`PASSWORD_CHARS_MIN`] to [`PASSWORD_CHARS_MAX`] characters long.
    PasswordSize {
        /// Its length, in characters.
        chars: u64,
    },
    /// Somebody else has the handle.
    HandleTaken,
    /// The handle was not acquired in time; it still may be.
    Opening,
}

refusals! { RegisterError {
    PasswordSize { chars } => 422 "password_size" "The password has {chars} characters; use {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX}.",
    HandleTaken => 409 "handle_taken" "The handle is taken; choose another one.",
    Opening => 503 "account_opening" "The account is not open yet; repeat with the same Idempotency-Key.",
} }
