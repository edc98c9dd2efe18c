//! One account.

use entity::registry::Rows;
use entity::{Answer, Context, Entity, Handle, Never, Table, Time, data};

use crate::accounts::api::{
    AccountProfile, AccountStatus, Accounts, Confirm, Credentials, Digest, EndSession,
    EndSessionError, HandleName, HandleOwned, HandleReserved, HandleTaken, LABEL_BYTES_MAX,
    ListSessions, Open, OpenError, Opened, PASSWORD_HASH_BYTES_MAX, PasswordHash, Profile,
    ProfileError, Reserve, SESSIONS_MAX, SessionId, SessionList, SessionView, StartSession,
    StartSessionError, Status, VerifySession, VerifySessionError,
};

/// An account, from nobody's to somebody's.
#[data]
#[derive(Default)]
pub enum Account {
    /// Nobody has opened it.
    #[default]
    Nobody,
    /// It is acquiring its handle: it waits for the answer to a [`Reserve`] or a [`Confirm`].
    Opening {
        /// The handle it is to have.
        handle: HandleName,
        /// What its password is checked against.
        password_hash: PasswordHash,
    },
    /// It is somebody's.
    Active {
        /// Its handle.
        handle: HandleName,
        /// What its password is checked against.
        password_hash: PasswordHash,
        /// When it became active.
        created_at: Time,
    },
    /// Its handle was taken.
    Refused {
        /// The handle it was to have.
        handle: HandleName,
    },
}

impl Entity for Account {
    type Kind = Accounts;
    type Tables = (Rows<Sessions>,);
}

/// The account's sessions, oldest first. Expired ones stay until the next one starts.
pub enum Sessions {}

impl Table for Sessions {
    const NAME: &'static str = "sessions";
    const TAG: u8 = 1;
    type Key = SessionId;
    type Row = Session;
}

/// One session.
#[data]
pub struct Session {
    /// What the secret of its token is checked against.
    pub digest: Digest,
    /// What its owner knows it by.
    pub label: String,
    /// When it started.
    pub created_at: Time,
    /// When it ends by itself.
    pub expires_at: Time,
}

impl Handle<Open> for Account {
    fn handle(&mut self, open: Open, cx: &mut Context<'_, Self>) -> Result<Opened, OpenError> {
        match self.handle_name() {
            Some(handle) if *handle == open.handle => return Ok(Opened::Before),
            Some(_) => return Err(OpenError::OtherHandle),
            None => open.check()?,
        }

        let Open { handle, password_hash } = open;
        *self = Self::Opening { handle: handle.clone(), password_hash };

        cx.send_or(&handle, &Reserve { account: cx.key() }, &HandleTaken {});
        Ok(Opened::Now)
    }
}

impl Handle<HandleReserved> for Account {
    fn handle(&mut self, _: HandleReserved, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        if let Self::Opening { handle, .. } = self {
            cx.send_or(handle, &Confirm { account: cx.key() }, &HandleTaken {});
        }
        Ok(())
    }
}

impl Handle<HandleOwned> for Account {
    fn handle(&mut self, _: HandleOwned, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        if let Self::Opening { handle, password_hash } = self.clone() {
            *self = Self::Active { handle, password_hash, created_at: cx.now() };
        }
        Ok(())
    }
}

impl Handle<HandleTaken> for Account {
    fn handle(&mut self, _: HandleTaken, _: &mut Context<'_, Self>) -> Result<(), Never> {
        if let Self::Opening { handle, .. } = self.clone() {
            *self = Self::Refused { handle };
        }
        Ok(())
    }
}

impl Handle<StartSession> for Account {
    fn handle(
        &mut self,
        start: StartSession,
        cx: &mut Context<'_, Self>,
    ) -> Result<SessionId, StartSessionError> {
        self.check(&start)?;

        for session in surplus(cx.scan_all::<Sessions>(SESSIONS_MAX), cx.now()) {
            cx.remove::<Sessions>(&session);
        }
        let session = SessionId(cx.id());
        let StartSession { digest, label } = start;
        let (created_at, expires_at) = (cx.now(), session.expires_at());
        cx.put::<Sessions>(&session, &Session { digest, label, created_at, expires_at });
        Ok(session)
    }
}

impl Handle<EndSession> for Account {
    fn handle(
        &mut self,
        end: EndSession,
        cx: &mut Context<'_, Self>,
    ) -> Result<(), EndSessionError> {
        if cx.get::<Sessions>(&end.session).is_none() {
            return Err(EndSessionError::Unknown);
        }
        cx.remove::<Sessions>(&end.session);
        Ok(())
    }
}

impl Answer<Status> for Account {
    fn answer(&self, _: Status, _: &Context<'_, Self>) -> Result<AccountStatus, Never> {
        Ok(match self {
            Self::Nobody => AccountStatus::Nobody,
            Self::Opening { .. } => AccountStatus::Opening,
            Self::Active { .. } => AccountStatus::Active,
            Self::Refused { .. } => AccountStatus::Refused,
        })
    }
}

impl Answer<Credentials> for Account {
    fn answer(&self, _: Credentials, _: &Context<'_, Self>) -> Result<PasswordHash, ProfileError> {
        match self {
            Self::Active { password_hash, .. } => Ok(password_hash.clone()),
            Self::Nobody | Self::Opening { .. } | Self::Refused { .. } => {
                Err(ProfileError::Unknown)
            }
        }
    }
}

impl Answer<VerifySession> for Account {
    fn answer(
        &self,
        verify: VerifySession,
        view: &Context<'_, Self>,
    ) -> Result<(), VerifySessionError> {
        let session = view.get::<Sessions>(&verify.session);
        let proved = session
            .filter(|it| it.is_in_force(view.now()))
            .is_some_and(|it| it.digest.is(&verify.digest));
        proved.then_some(()).ok_or(VerifySessionError::Invalid)
    }
}

impl Answer<Profile> for Account {
    fn answer(&self, _: Profile, view: &Context<'_, Self>) -> Result<AccountProfile, ProfileError> {
        match self {
            Self::Active { handle, created_at, .. } => Ok(AccountProfile {
                user: view.key(),
                handle: handle.clone(),
                created_at: *created_at,
            }),
            Self::Nobody | Self::Opening { .. } | Self::Refused { .. } => {
                Err(ProfileError::Unknown)
            }
        }
    }
}

impl Answer<ListSessions> for Account {
    fn answer(&self, _: ListSessions, view: &Context<'_, Self>) -> Result<SessionList, Never> {
        let sessions = view.scan_all::<Sessions>(SESSIONS_MAX).into_iter();
        let in_force = sessions.filter(|(_, it)| it.is_in_force(view.now()));
        Ok(SessionList { sessions: in_force.map(|(session, it)| it.view(session)).collect() })
    }
}

impl Account {
    /// The handle it has, is to have, or was to have.
    fn handle_name(&self) -> Option<&HandleName> {
        match self {
            Self::Nobody => None,
            Self::Opening { handle, .. }
            | Self::Active { handle, .. }
            | Self::Refused { handle } => Some(handle),
        }
    }

    fn check(&self, start: &StartSession) -> Result<(), StartSessionError> {
        let Self::Active { .. } = self else { return Err(StartSessionError::NotActive) };
        match start.label.len() {
            0..=LABEL_BYTES_MAX => Ok(()),
            bytes => Err(StartSessionError::LabelSize { bytes: bytes as u64 }),
        }
    }
}

impl Open {
    fn check(&self) -> Result<(), OpenError> {
        match self.password_hash.0.len() {
            0..=PASSWORD_HASH_BYTES_MAX => Ok(()),
            bytes => Err(OpenError::PasswordHashSize { bytes: bytes as u64 }),
        }
    }
}

impl Session {
    fn is_in_force(&self, now: Time) -> bool {
        now < self.expires_at
    }

    fn view(self, session: SessionId) -> SessionView {
        let Self { digest: _, label, created_at, expires_at } = self;
        SessionView { session, label, created_at, expires_at }
    }
}

/// The sessions to remove before another one starts: the expired ones, and when all others are still
/// [`SESSIONS_MAX`], the oldest.
fn surplus(sessions: Vec<(SessionId, Session)>, now: Time) -> Vec<SessionId> {
    let (kept, expired): (Vec<_>, Vec<_>) =
        sessions.into_iter().partition(|(_, it)| it.is_in_force(now));
    let oldest = kept.iter().take((kept.len() + 1).saturating_sub(SESSIONS_MAX));
    expired.iter().chain(oldest).map(|(session, _)| *session).collect()
}
