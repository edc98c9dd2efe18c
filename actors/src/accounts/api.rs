//! What accounts promise to the rest of the system.

use std::time::Duration;

use entity::{Command, Id, Kind, Never, Query, Time, data};

pub use crate::accounts::handle_name::HandleName;
pub use crate::accounts::refusals::{
    EndSessionError, FindOwnerError, LogInError, OpenError, ProfileError, RegisterError,
    StartSessionError, TakenError, VerifySessionError,
};
pub use crate::accounts::token::{Digest, Secret, Token};

/// The family of accounts, one per user.
#[derive(Debug)]
pub enum Accounts {}

impl Kind for Accounts {
    const NAME: &'static str = "accounts.account";
    const TAG: u16 = 1;
    type Key = UserId;
    type Commands = (Open, HandleReserved, HandleOwned, HandleTaken, StartSession, EndSession);
    type Queries = (Status, Credentials, VerifySession, Profile, ListSessions);
}

/// The family of handles. Each belongs to one account at most.
#[derive(Debug)]
pub enum Handles {}

impl Kind for Handles {
    const NAME: &'static str = "accounts.handle";
    const TAG: u16 = 2;
    type Key = HandleName;
    type Commands = (Reserve, Confirm, Lapse);
    type Queries = (FindOwner,);
}

/// Names an account.
#[data]
#[derive(Copy, Ord, PartialOrd)]
#[schemars(inline)]
pub struct UserId(pub Id);

impl UserId {
    /// Before every account that there is.
    pub const MIN: Self = Self(Id::MIN);

    /// The account that would come next in order of ids: where a page after this one begins.
    #[must_use]
    pub fn next(self) -> Self {
        Self(Id(self.0.0.saturating_add(1)))
    }
}

/// Names a session within its account. Later sessions have larger ids.
#[data]
#[derive(Copy, Ord, PartialOrd)]
#[schemars(inline)]
pub struct SessionId(pub Id);

impl SessionId {
    /// When the session ends by itself.
    pub fn expires_at(self) -> Time {
        self.0.time() + SESSION_LASTING
    }
}

entity::key! { UserId(Id) SessionId(Id) }

/// How long a reservation keeps others away. The two messages of the saga take milliseconds; what
/// takes longer is a shard without a leader, and a handle must not be blocked by that for long.
pub const RESERVATION_LASTING: Duration = Duration::from_mins(1);

/// How long a session lasts, from its start.
pub const SESSION_LASTING: Duration = Duration::from_hours(30 * 24);

/// Most sessions of one account. Bounds what an account stores, and what a list shows.
pub const SESSIONS_MAX: usize = 32;

/// Longest label of a session, in bytes: one line of a list.
pub const LABEL_BYTES_MAX: usize = 100;

/// Longest password hash, in bytes. Those of argon2id with our parameters take about 100.
pub const PASSWORD_HASH_BYTES_MAX: usize = 256;

/// Shortest password, in characters. Source: NIST SP 800-63B, 3.1.1.2.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// Longest password, in characters: hashing must not become work for free.
pub const PASSWORD_CHARS_MAX: usize = 128;

/// A salted argon2id hash, at most [`PASSWORD_HASH_BYTES_MAX`] bytes. `Debug` does not show it.
#[data(secret)]
pub struct PasswordHash(pub String);

/// A password: at least [`PASSWORD_CHARS_MIN`], at most [`PASSWORD_CHARS_MAX`] characters. `Debug` does
/// not show it.
#[data(secret)]
#[schemars(inline, extend("minLength" = PASSWORD_CHARS_MIN, "maxLength" = PASSWORD_CHARS_MAX))]
pub struct Password(pub String);

/// Opens the account and begins to acquire its handle. Opening it again with the same handle changes
/// nothing, whatever the hash: hashes of one password differ by their salt.
#[data]
pub struct Open {
    /// The handle it is to have.
    pub handle: HandleName,
    /// What its password is checked against.
    pub password_hash: PasswordHash,
}

impl Command for Open {
    type Kind = Accounts;
    const TAG: u16 = 1;
    type Reply = Opened;
    type Error = OpenError;
}

/// What an [`Open`] came to.
#[data]
#[derive(Copy)]
pub enum Opened {
    /// The account begins with this command.
    Now,
    /// It was there already; its password may be another one.
    Before,
}

/// Tells an account that its handle is reserved: it confirms. A repeat changes nothing.
#[data]
pub struct HandleReserved {}

impl Command for HandleReserved {
    type Kind = Accounts;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = Never;
}

/// Tells an account that its handle is its own: it becomes active. A repeat changes nothing.
#[data]
pub struct HandleOwned {}

impl Command for HandleOwned {
    type Kind = Accounts;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = Never;
}

/// Tells an account that its [`Reserve`] or [`Confirm`] was refused: it is refused for ever.
#[data]
pub struct HandleTaken {}

impl Command for HandleTaken {
    type Kind = Accounts;
    const TAG: u16 = 4;
    type Reply = ();
    type Error = Never;
}

/// Starts a session. Beyond [`SESSIONS_MAX`] of them the oldest ends.
#[data]
pub struct StartSession {
    /// What the secret of its token is checked against.
    pub digest: Digest,
    /// What its owner knows it by, at most [`LABEL_BYTES_MAX`] bytes.
    pub label: String,
}

impl Command for StartSession {
    type Kind = Accounts;
    const TAG: u16 = 5;
    type Reply = SessionId;
    type Error = StartSessionError;
}

/// Ends a session: its token proves nothing any more.
#[data]
pub struct EndSession {
    /// Which session.
    pub session: SessionId,
}

impl Command for EndSession {
    type Kind = Accounts;
    const TAG: u16 = 6;
    type Reply = ();
    type Error = EndSessionError;
}

/// Asks how far an account is.
#[data]
pub struct Status {}

impl Query for Status {
    type Kind = Accounts;
    const TAG: u16 = 1;
    type Reply = AccountStatus;
    type Error = Never;
}

/// How far an account is.
#[data]
#[derive(Copy)]
pub enum AccountStatus {
    /// Nobody has opened it.
    Nobody,
    /// It is acquiring its handle.
    Opening,
    /// It is somebody's.
    Active,
    /// Its handle was taken. It stays so.
    Refused,
}

/// Asks for what a password is checked against. Never leaves the cluster.
#[data]
pub struct Credentials {}

impl Query for Credentials {
    type Kind = Accounts;
    const TAG: u16 = 2;
    type Reply = PasswordHash;
    type Error = ProfileError;
}

/// Asks whether a token's session is in force.
#[data]
pub struct VerifySession {
    /// The session that the token names.
    pub session: SessionId,
    /// The digest of the token's secret.
    pub digest: Digest,
}

impl Query for VerifySession {
    type Kind = Accounts;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = VerifySessionError;
}

/// Asks what everybody may know of an account.
#[data]
pub struct Profile {}

impl Query for Profile {
    type Kind = Accounts;
    const TAG: u16 = 4;
    type Reply = AccountProfile;
    type Error = ProfileError;
}

/// What everybody may know of an account.
#[data]
pub struct AccountProfile {
    /// The account.
    pub user: UserId,
    /// Its handle.
    pub handle: HandleName,
    /// When it became active.
    pub created_at: Time,
}

/// Asks for the sessions in force, oldest first.
#[data]
pub struct ListSessions {}

impl Query for ListSessions {
    type Kind = Accounts;
    const TAG: u16 = 5;
    type Reply = SessionList;
    type Error = Never;
}

/// The sessions of an account.
#[data]
pub struct SessionList {
    /// Oldest first, at most 32.
    pub sessions: Vec<SessionView>,
}

/// What the owner of a session sees of it.
#[data]
pub struct SessionView {
    /// The session.
    pub session: SessionId,
    /// What its owner knows it by, at most 100 bytes.
    pub label: String,
    /// When it started.
    pub created_at: Time,
    /// When it ends by itself.
    pub expires_at: Time,
}

/// Reserves the handle for [`RESERVATION_LASTING`] and tells the account [`HandleReserved`]. A repeat
/// by the same account begins that time anew.
#[data]
pub struct Reserve {
    /// For whom.
    pub account: UserId,
}

impl Command for Reserve {
    type Kind = Handles;
    const TAG: u16 = 1;
    type Reply = ();
    type Error = TakenError;
}

/// Makes the handle the account's own and tells it [`HandleOwned`]. Succeeds after the reservation
/// has lapsed too, unless somebody else came meanwhile; a repeat changes nothing.
#[data]
pub struct Confirm {
    /// Who reserved it.
    pub account: UserId,
}

impl Command for Confirm {
    type Kind = Handles;
    const TAG: u16 = 2;
    type Reply = ();
    type Error = TakenError;
}

/// Frees a handle whose reservation is over. The handle sends this to itself.
#[data]
pub struct Lapse {}

impl Command for Lapse {
    type Kind = Handles;
    const TAG: u16 = 3;
    type Reply = ();
    type Error = Never;
}

/// Asks whose the handle is.
#[data]
pub struct FindOwner {}

impl Query for FindOwner {
    type Kind = Handles;
    const TAG: u16 = 1;
    type Reply = HandleOwner;
    type Error = FindOwnerError;
}

/// Whose a handle is.
#[data]
pub struct HandleOwner {
    /// The account.
    pub user: UserId,
    /// Its handle.
    pub handle: HandleName,
}
