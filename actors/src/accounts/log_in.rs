//! How a user proves who they are, and gets a token for it.

use entity::{Operating, Operation, ProblemClass, Refusal, Stop, Time, data};

use crate::accounts::api::{
    Credentials, FindOwner, HandleName, LABEL_BYTES_MAX, LogInError, Password, Secret,
    StartSession, StartSessionError, Token, UserId,
};

/// Starts a session for whoever knows the password.
///
/// A handle that nobody has and a wrong password are answered alike, after the same work.
#[data]
pub struct LogIn {
    /// The handle of the account.
    pub handle: HandleName,
    /// Its password.
    pub password: Password,
    /// What the list of sessions calls the new one, at most 100 bytes. Empty when not given.
    #[schemars(length(max = LABEL_BYTES_MAX))]
    pub label: Option<String>,
}

/// A session has started.
#[data]
pub struct LoggedIn {
    /// The account.
    pub user: UserId,
    /// Its handle.
    pub handle: HandleName,
    /// What proves the session from now on. It is told only once.
    pub token: Token,
    /// When the session ends by itself.
    pub expires_at: Time,
}

impl Operation for LogIn {
    type Reply = LoggedIn;

    fn problems() -> Vec<ProblemClass> {
        [LogInError::PROBLEMS, StartSessionError::PROBLEMS].concat()
    }

    fn run(&self, cx: &mut Operating<'_>) -> Result<LoggedIn, Stop> {
        let secret = Secret(cx.secret()?);
        let user = self.prove(cx)?.ok_or(LogInError::CredentialsWrong)?;
        let token = start_session(user, secret, self.label.clone().unwrap_or_default(), cx)?;
        Ok(LoggedIn::new(self.handle.clone(), token))
    }
}

impl LogIn {
    /// Whose handle and password these are.
    fn prove(&self, cx: &mut Operating<'_>) -> Result<Option<UserId>, Stop> {
        let owner = cx.ask(&self.handle, &FindOwner {})?.ok();
        let hash = match &owner {
            Some(owner) => cx.ask(&owner.user, &Credentials {})?.ok(),
            None => None,
        };
        let is_right = cx.verify_password(&self.password.0, hash.as_ref().map(|it| &it.0[..]))?;
        Ok(owner.filter(|_| is_right).map(|owner| owner.user))
    }
}

impl LoggedIn {
    pub(crate) fn new(handle: HandleName, token: Token) -> Self {
        Self { user: token.user, handle, expires_at: token.session.expires_at(), token }
    }
}

/// Starts a session. `secret` was asked for first of all: a repeat, which may take other steps on its
/// way here, then gets the same one, and so has the token of the session that it is told of.
pub(crate) fn start_session(
    user: UserId,
    secret: Secret,
    label: String,
    cx: &mut Operating<'_>,
) -> Result<Token, Stop> {
    let session = cx.call(&user, &StartSession { digest: secret.digest(), label })??;
    Ok(Token { user, session, secret })
}
