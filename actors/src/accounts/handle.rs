//! One handle.

use entity::{Answer, Context, Entity, Handle, Never, Time, data};

use crate::accounts::api::{
    Confirm, FindOwner, FindOwnerError, HandleOwned, HandleOwner, HandleReserved, Handles, Lapse,
    RESERVATION_LASTING, Reserve, TakenError, UserId,
};

/// Who holds a handle.
#[data]
#[derive(Copy, Default)]
pub enum Holder {
    /// It is free.
    #[default]
    Nobody,
    /// Somebody is about to own it.
    Reserved {
        /// Who.
        account: UserId,
        /// From then on it is free.
        until: Time,
    },
    /// It is somebody's own.
    Owned {
        /// Whose.
        account: UserId,
    },
}

impl Entity for Holder {
    type Kind = Handles;
    type Tables = ();
}

impl Handle<Reserve> for Holder {
    fn handle(&mut self, reserve: Reserve, cx: &mut Context<'_, Self>) -> Result<(), TakenError> {
        let Reserve { account } = reserve;
        self.check(account, cx.now())?;

        let until = cx.now() + RESERVATION_LASTING;
        // An owner who asks again keeps what it owns.
        if !matches!(self, Self::Owned { .. }) {
            *self = Self::Reserved { account, until };
            cx.wake_at(until, &Lapse {});
        }

        cx.send(&account, &HandleReserved {});
        Ok(())
    }
}

impl Handle<Confirm> for Holder {
    fn handle(&mut self, confirm: Confirm, cx: &mut Context<'_, Self>) -> Result<(), TakenError> {
        let Confirm { account } = confirm;
        self.check(account, cx.now())?;

        *self = Self::Owned { account };

        cx.send(&account, &HandleOwned {});
        Ok(())
    }
}

impl Handle<Lapse> for Holder {
    fn handle(&mut self, _: Lapse, cx: &mut Context<'_, Self>) -> Result<(), Never> {
        // A later `Reserve` may have moved the end, a `Confirm` made it void.
        if let Self::Reserved { until, .. } = self
            && *until <= cx.now()
        {
            *self = Self::Nobody;
        }
        Ok(())
    }
}

impl Answer<FindOwner> for Holder {
    fn answer(
        &self,
        _: FindOwner,
        view: &Context<'_, Self>,
    ) -> Result<HandleOwner, FindOwnerError> {
        match self {
            Self::Owned { account } => Ok(HandleOwner { user: *account, handle: view.key() }),
            Self::Nobody | Self::Reserved { .. } => Err(FindOwnerError::Unknown),
        }
    }
}

impl Holder {
    /// Refuses everybody but `account` while the handle is held.
    fn check(&self, account: UserId, now: Time) -> Result<(), TakenError> {
        let is_free = match self {
            Self::Nobody => true,
            Self::Reserved { account: holder, until } => *holder == account || *until <= now,
            Self::Owned { account: holder } => *holder == account,
        };
        is_free.then_some(()).ok_or(TakenError::Taken)
    }
}

#[cfg(test)]
mod tests {
    use entity::Id;

    use super::*;

    #[test]
    fn a_held_handle_is_its_holders() {
        let (ann, bob) = (UserId(Id(1)), UserId(Id(2)));
        let reserved = Holder::Reserved { account: ann, until: Time(60) };
        let owned = Holder::Owned { account: ann };
        let taken = Err(TakenError::Taken);
        let cases = [
            (Holder::Nobody, bob, 0, Ok(())),
            (reserved, ann, 0, Ok(())),
            (reserved, bob, 0, taken.clone()),
            (reserved, bob, 59, taken.clone()),
            (reserved, bob, 60, Ok(())),
            (reserved, ann, 60, Ok(())),
            (owned, ann, 60, Ok(())),
            (owned, bob, 60, taken),
        ];
        for (holder, account, now, expected) in cases {
            assert_eq!(holder.check(account, Time(now)), expected, "{holder:?} {account} {now}");
        }
    }
}
