//! Accounts that race for handles, and their sessions.

use std::collections::BTreeMap;

use actors::accounts::api::{
    AccountStatus, Digest, EndSession, FindOwner, HandleName, Open, PasswordHash, SessionId,
    StartSession, Status, UserId, VerifySession,
};
use entity::Id;

use super::crew::{Fate, Hands, Workload, holds};
use crate::chance::{Chance, Odds};
use crate::finding::{Under, Wrong};
use crate::world::call::{Call, Done};
use crate::world::view::View;

/// The first account of this workload.
const USERS_FROM: u128 = 1_000;

/// Most sessions of one account here: none may end because there are too many.
const SESSIONS_MAX: u32 = 30;

/// Opens accounts, a few for each handle, and sessions of those that are active.
#[derive(Debug)]
pub struct Openings {
    clients: usize,
    handles: u64,
    users: u128,
    opened: BTreeMap<UserId, (HandleName, Fate)>,
    sessions: BTreeMap<(UserId, SessionId), Session>,
    started: BTreeMap<UserId, u32>,
    hands: Hands<Operation>,
}

#[derive(Clone, Debug)]
enum Operation {
    Open(UserId, HandleName),
    Start(UserId, Digest),
    End(UserId, SessionId),
}

#[derive(Clone, Copy, Debug)]
struct Session {
    digest: Digest,
    /// Whether it was ended, as far as is known.
    ended: Option<Fate>,
}

impl Openings {
    /// Some clients, and fewer handles than accounts.
    pub fn new(chance: &mut Chance) -> Self {
        Self {
            clients: chance.within(2..=8).try_into().expect("a few"),
            handles: chance.within(1..=20),
            users: 0,
            opened: BTreeMap::new(),
            sessions: BTreeMap::new(),
            started: BTreeMap::new(),
            hands: Hands::default(),
        }
    }

    fn open(&mut self, client: usize, chance: &mut Chance) -> Call {
        self.users += 1;
        let user = UserId(Id(USERS_FROM + self.users));
        let handle = format!("handle_{}", chance.below(self.handles));
        let handle: HandleName = handle.parse().expect("it is a handle");
        self.hands.begin(client, Operation::Open(user, handle.clone()));
        Call::command(&user, &Open { handle, password_hash: PasswordHash("hash".into()) })
    }

    fn start(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let users: Vec<_> = self.opened.keys().copied().collect();
        let user = *users.get(chance.index(users.len().max(1)))?;
        let started = self.started.entry(user).or_default();
        *started += 1;
        if *started > SESSIONS_MAX {
            return None;
        }
        let digest = Digest([u8::try_from(chance.below(256)).expect("a byte"); 32]);
        self.hands.begin(client, Operation::Start(user, digest));
        Some(Call::command(&user, &StartSession { digest, label: String::new() }))
    }

    fn end(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let open = self.sessions.iter().filter(|(_, it)| it.ended.is_none());
        let open: Vec<_> = open.map(|(name, _)| *name).collect();
        let (user, session) = *open.get(chance.index(open.len().max(1)))?;
        self.sessions.get_mut(&(user, session))?.ended = Some(Fate::Unknown);
        self.hands.begin(client, Operation::End(user, session));
        Some(Call::command(&user, &EndSession { session }))
    }

    fn check_handles(&self, view: &mut View<'_>) -> Result<(), Wrong> {
        let mut owners: BTreeMap<&HandleName, Vec<UserId>> = BTreeMap::new();
        for (user, (handle, fate)) in &self.opened {
            let status = view.ask(user, &Status {})?;
            let is_allowed = match fate {
                Fate::Done => matches!(status, AccountStatus::Active | AccountStatus::Refused),
                Fate::Refused => false,
                Fate::Unknown => status != AccountStatus::Opening,
            };
            holds(is_allowed, || format!("account {user} is {status:?}, and {fate:?}"))
                .under(user)?;
            let owners = owners.entry(handle).or_default();
            owners.extend((status == AccountStatus::Active).then_some(*user));
        }
        for (handle, owners) in owners {
            self.check_handle(handle, &owners, view)?;
        }
        Ok(())
    }

    fn check_handle(
        &self,
        handle: &HandleName,
        owners: &[UserId],
        view: &mut View<'_>,
    ) -> Result<(), Wrong> {
        let owner = view.ask_or_refusal(handle, &FindOwner {})?.ok().map(|it| it.user);
        let wanted = self.opened.iter().filter(|(_, (it, _))| it == handle);
        let is_wanted = wanted.clone().any(|(_, (_, fate))| *fate == Fate::Done);
        let agrees = owners.iter().copied().eq(owner) && (owner.is_some() || !is_wanted);
        let checked = holds(agrees, || {
            format!("handle {handle} belongs to {owner:?}, and {owners:?} have it")
        });
        let checked = checked.map_err(Wrong::from);
        wanted.fold(checked, |checked, (user, _)| checked.under(user))
    }
}

impl Workload for Openings {
    fn clients(&self) -> usize {
        self.clients
    }

    fn next(&mut self, client: usize, chance: &mut Chance) -> Option<Call> {
        let other =
            if chance.flips() { self.start(client, chance) } else { self.end(client, chance) };
        if chance.hits(Odds(500_000)) && other.is_some() {
            return other;
        }
        Some(other.unwrap_or_else(|| self.open(client, chance)))
    }

    fn learn(&mut self, client: usize, done: &Done) -> Result<(), String> {
        let fate = Fate::of(done);
        match self.hands.end(client) {
            Operation::Open(user, handle) => {
                self.opened.insert(user, (handle, fate));
            }
            Operation::Start(user, digest) => {
                if let Some(session) = done.reply() {
                    let before =
                        self.sessions.insert((user, session), Session { digest, ended: None });
                    holds(before.is_none(), || format!("session {session} started twice"))?;
                }
            }
            Operation::End(user, session) => {
                let ended = self.sessions.get_mut(&(user, session)).expect("it was started");
                ended.ended = Some(fate);
                holds(fate != Fate::Refused, || format!("session {session} was gone"))?;
            }
        }
        Ok(())
    }

    fn check(&mut self, view: &mut View<'_>) -> Result<(), Wrong> {
        self.check_handles(view)?;
        for ((user, session), Session { digest, ended }) in &self.sessions {
            let verify = VerifySession { session: *session, digest: *digest };
            let is_in_force = view.ask_or_refusal(user, &verify)?.is_ok();
            let is_allowed = match ended {
                None => is_in_force,
                Some(Fate::Done) => !is_in_force,
                Some(Fate::Refused | Fate::Unknown) => true,
            };
            holds(is_allowed, || format!("session {session}: {is_in_force}, ended {ended:?}"))
                .under(user)?;
        }
        Ok(())
    }
}
