//! `roost token`: what operators prove themselves with.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::asking::DEV_SECRET;
use crate::gateway::OperatorToken;
use crate::secret::{Secret, SecretError};

/// Prints the token of operators, which follows from the secret of the cluster. It asks no node.
///
/// Whoever has it may do everything that operators may: send it as `Authorization: Bearer TOKEN`, and
/// keep it like the secret. It changes with the secret only.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Token {
    /// The file with the secret of the cluster.
    #[arg(long, value_name = "FILE", default_value = DEV_SECRET)]
    secret_file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  roost token
  roost token --secret-file /etc/roost/secret
  curl -H \"Authorization: Bearer $(roost token)\" http://127.0.0.1:8080/metrics";

impl Token {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// There is no secret.
    pub fn run(&self) -> Result<(), SecretError> {
        let token = OperatorToken::of(&Secret::read(&self.secret_file)?);
        // Whoever closed the output does not want to know.
        io::stdout().write_all(format!("{}\n", token.text()).as_bytes()).ok();
        Ok(())
    }
}
