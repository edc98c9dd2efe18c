//! Services from outside: operations and messages, in every order that chance comes up with.

mod accounts;
mod feeds;
mod world;
