//! All services together, and the one of the guide.

use entity::registry::Registry;
use entity::{ChannelType, Route};

use crate::polls::{self, Poll, PollChannel, Pollster};

/// Adds every entity.
pub fn register(registry: &mut Registry) {
    actors::register(registry);
    registry.add::<Poll>();
    registry.add::<Pollster>();
}

/// Every route of every service.
pub fn routes() -> Vec<Route> {
    actors::routes().into_iter().chain(polls::routes()).collect()
}

/// Every channel of every service.
pub fn channels() -> Vec<ChannelType> {
    actors::channels().into_iter().chain([ChannelType::of::<PollChannel>()]).collect()
}
