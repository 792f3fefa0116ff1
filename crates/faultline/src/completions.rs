//! `faultline completions`: what a shell needs to complete this command line.

use clap::Args as ClapArgs;
use clap_complete::{Shell, generate};
use faultline_contract::ExitCode;
use faultline_runtime::Failure;

use crate::cli::{command, print};

/// Print a script with which a shell completes this command line.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Install, then start a new shell:
  bash        faultline completions bash > ~/.local/share/bash-completion/completions/faultline
  zsh         faultline completions zsh > ~/.zfunc/_faultline
  fish        faultline completions fish > ~/.config/fish/completions/faultline.fish
  elvish      faultline completions elvish >> ~/.config/elvish/rc.elv
  powershell  faultline completions powershell >> $PROFILE

zsh looks there when ~/.zshrc has `fpath+=~/.zfunc; autoload -U compinit; compinit`.";

/// Prints the script.
pub(crate) fn main(args: &Args) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut command(), "faultline", &mut script);
    print(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::Committed)
}
