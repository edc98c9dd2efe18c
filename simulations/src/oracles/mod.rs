//! What is true of a whole history, and not only of its end.
//!
//! Pure, and of no world: whoever notes who asked what, and what was told, can have it judged.
//!
//! - [`history`]: what clients asked of one thing, and what they were told
//! - [`specification`]: what a thing does when it is asked one thing after the other
//! - [`linear`]: whether some order explains what everybody was told
//! - `search`: how such an order is looked for
//! - `places`: sets of operations
//! - [`register`]: a value that is read, written, and swapped for another one

pub mod history;
pub mod linear;
mod places;
pub mod register;
mod search;
pub mod specification;
