//! Who is connected.

use std::sync::Arc;

use entity::{Caller, Problem};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout_at};

use super::reply::{Disconnect, SILENT};
use super::upgrade::TOKEN_VERIFIED;
use crate::gateway::Gateway;
use crate::gateway::problem::{NOT_READY, TOKEN_INVALID};

/// Who it is, or why that is not known.
pub(super) type Verified = Result<Caller, Unverified>;

/// Why it is not known who somebody is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Unverified {
    /// The token is not valid, or not any more.
    Invalid,
    /// That cannot be found out now.
    Later(Problem),
}

/// Who is connected, as the token says.
pub(super) struct Client {
    token: String,
    verified: Shared<BoxFuture<'static, Verified>>,
    begun: Instant,
}

impl Client {
    pub(super) fn new(gateway: &Arc<Gateway>, token: String) -> Self {
        let verified = verify(Arc::clone(gateway), token.clone()).boxed().shared();
        Self { token, verified, begun: Instant::now() }
    }

    /// Who it is, asked anew now and then: all requests of that time wait for one answer, and no
    /// others for theirs.
    pub(super) fn verified(
        &mut self,
        gateway: &Arc<Gateway>,
    ) -> Shared<BoxFuture<'static, Verified>> {
        let has_failed = matches!(self.verified.peek(), Some(Err(_)));
        if has_failed || self.begun.elapsed() > TOKEN_VERIFIED {
            *self = Self::new(gateway, std::mem::take(&mut self.token));
        }
        self.verified.clone()
    }
}

async fn verify(gateway: Arc<Gateway>, token: String) -> Verified {
    if token.is_empty() {
        return Ok(Caller::Anyone);
    }
    let verified = gateway.doorkeeper.identify(&token);
    match timeout_at(Instant::now() + gateway.request_timeout, verified).await {
        Ok(Ok(caller)) => Ok(caller),
        Ok(Err(problem)) if problem.class == TOKEN_INVALID => Err(Unverified::Invalid),
        Ok(Err(problem)) => Err(Unverified::Later(problem)),
        Err(_late) => {
            Err(Unverified::Later(NOT_READY.because("Nobody can tell now whose token this is.")))
        }
    }
}

/// A node that nobody answers can do nothing for its clients.
///
/// # Errors
///
/// Then they had better connect to another one.
pub(super) fn is_of_use(gateway: &Gateway) -> Result<(), Disconnect> {
    if gateway.client.node().is_alone() {
        probe::sometimes!(AloneTold);
        return Err(SILENT);
    }
    Ok(())
}
