//! The writer on a thread of its own.

use std::io;
use std::thread::{Builder, JoinHandle};

use crate::appender::{Appender, Writer};

/// A running writer.
#[derive(Debug)]
pub struct WriterThread(JoinHandle<()>);

impl WriterThread {
    /// Lets `writer` write whatever is submitted. `on_fatal` is called when it cannot: the process has
    /// to end then, for nobody knows what is on the disk.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn start(
        mut writer: Writer,
        on_fatal: impl FnOnce(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let run = move || {
            while writer.wait() {
                if let Err(error) = writer.write().and_then(|_| writer.sync()) {
                    return on_fatal(error);
                }
            }
        };
        Builder::new().name("log".to_owned()).spawn(run).map(Self)
    }

    /// Waits until all that was submitted is durable, and ends.
    pub fn stop(self, appender: &Appender) {
        appender.close();
        // A panic has been told already, by the hook of the process.
        self.0.join().ok();
    }
}
