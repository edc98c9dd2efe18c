//! Temporary folders.

mod temporary;

pub(crate) use temporary::Folder;
