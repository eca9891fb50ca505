//! The arguments of the verbs that keep a library: complete, change, copy and mend it.

use crate::args::{DeviceArgument, DimArguments};
use clap::Args;
use std::path::PathBuf;
use syntopic_library::Storage;

const EMBED_EXAMPLES: &str = "\
Examples:
  syntopic add papers.jsonl --no-embed     store papers at once
  syntopic embed                           and give them vectors: `related` and `topics` need those

It goes on where it was stopped: Ctrl-C keeps the batch in hand. Papers that have a vector are left as they are.";

#[derive(Debug, Args)]
#[command(after_help = EMBED_EXAMPLES)]
pub(crate) struct EmbedArguments {
    /// Model of a library that has no vectors yet: a name of `syntopic models`, a hub id, or the folder of a model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// How a library that has no vectors yet keeps them: f32, f16 or int8 [default: f32]
    #[arg(long, value_name = "STORAGE")]
    pub(crate) store: Option<Storage>,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,

    #[command(flatten)]
    pub(crate) dim: DimArguments,
}

const UPDATE_EXAMPLES: &str = "\
Examples:
  syntopic update export.jsonl             new details and texts of papers that are there
  syntopic update export.bib --no-embed    vectors of changed texts later, by `syntopic embed`

What `add` does, but for papers of the library alone: those of the files that are not in it are named and left out, and the
exit code is 3. As with `add`, a field that a record lacks takes nothing away.";

#[derive(Debug, Args)]
#[command(after_help = UPDATE_EXAMPLES)]
pub(crate) struct UpdateArguments {
    /// Files of papers; `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Format of the files, when it should not be detected: one of those of `syntopic add --help`
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,

    /// The column of a table that holds a field, where its heading does not say so
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub(crate) map: Vec<String>,

    /// Do not embed changed texts: `syntopic embed` does later
    #[arg(long)]
    pub(crate) no_embed: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,
}

const REEMBED_EXAMPLES: &str = "\
Examples:
  syntopic reembed --model BAAI/bge-small-en-v1.5
  syntopic reembed                         goes on where it was stopped
  syntopic reembed --store int8            the same model, kept in a quarter of the room
  syntopic reembed --give-up               drops what was made, and leaves the library as it is

The library answers with its old vectors until the new ones are complete; then those take their place at once. Ctrl-C keeps the
batch in hand. Names and numbers of topics stay; `syntopic topics` brings them up to date afterwards.";

#[derive(Debug, Args)]
#[command(after_help = REEMBED_EXAMPLES)]
pub(crate) struct ReembedArguments {
    /// The new model: a name of `syntopic models`, a hub id, or the folder of a model [default: that of the run that was stopped]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// How the new vectors are kept: f32, f16 or int8 [default: as those in use]
    #[arg(long, value_name = "STORAGE")]
    pub(crate) store: Option<Storage>,

    /// Drop what a run that was stopped has made
    #[arg(long, conflicts_with_all = ["model", "store", "dim"])]
    pub(crate) give_up: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,

    #[command(flatten)]
    pub(crate) dim: DimArguments,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  syntopic show 2103.03230
  syntopic show 2103.03230 1706.03762 --json";

#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArguments {
    /// Ids of papers
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

const BACKUP_EXAMPLES: &str = "\
Examples:
  syntopic backup saved                    a folder: a library as it stands, `syntopic --library saved info`
  syntopic backup saved.db                 a file: the database alone, from which all else is made again

Others may read and write the library meanwhile: the copy is of one moment. To restore a file, put it as library.db into a folder
of its own and name that with --library; a folder is named as it is.";

#[derive(Debug, Args)]
#[command(after_help = BACKUP_EXAMPLES)]
pub(crate) struct BackupArguments {
    /// Where to: a file if the name ends in .db or a file is there, otherwise a folder
    #[arg(value_name = "FILE|FOLDER")]
    pub(crate) to: PathBuf,

    /// Write over a backup that is there
    #[arg(long)]
    pub(crate) force: bool,
}

const REPAIR_EXAMPLES: &str = "\
Examples:
  syntopic repair                          what is mended, and what is left
  syntopic repair --json

Damaged vectors are made anew, and so is every file made from the papers. No paper is taken away: what cannot be mended is named, and
the exit code is 7.";

#[derive(Debug, Args)]
#[command(after_help = REPAIR_EXAMPLES)]
pub(crate) struct RepairArguments {
    /// Where the library's model is now, if it has moved: the folder of the model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  syntopic completions bash > ~/.local/share/bash-completion/completions/syntopic
  syntopic completions zsh > ~/.zfunc/_syntopic
  syntopic completions fish > ~/.config/fish/completions/syntopic.fish";

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

const MAN_EXAMPLES: &str = "\
Examples:
  syntopic man | man -l -                  read it
  syntopic man --out ~/.local/share/man/man1";

#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(crate) struct ManArguments {
    /// Write the pages of every verb into this folder instead
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}
