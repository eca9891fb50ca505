//! The command line.

use crate::eval::EvalArguments;
use crate::lifecycle_args::{
    BackupArguments, CompletionsArguments, EmbedArguments, ManArguments, ReembedArguments,
    RepairArguments, ShowArguments, UpdateArguments,
};
use crate::related_args::{DuplicatesArguments, FilterArguments, RelatedArguments};
use crate::topics_args::TopicsArguments;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use syntopic_library::{Cut, Device, Library, LibraryError, Storage};

/// Where a library is when neither `--library` nor `SYNTOPIC_LIBRARY` says.
pub(crate) const DEFAULT_LIBRARY: &str = "syntopic-library";

const EXAMPLES: &str = "\
Examples:
  syntopic demo                                   everything, on a sample of 65 papers
  syntopic --library mine add papers.jsonl        make a library, or add to it
  syntopic --library mine related 2103.03230      papers like a paper of the library
  syntopic --library mine related --text \"graph neural networks for recommendation\"
  syntopic --library mine related - < abstract.txt
  syntopic --library mine topics -k 12 --json     named topics
  syntopic bench embed                            how fast this machine embeds

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some records or files were left out (each is named);
4 not found (library, paper, model name); 5 library damaged or of a newer version; 6 model not to be had;
7 `check` found problems, or `repair` left some; 8 another process writes the library; 130 stopped by the user.";

/// Semantic similarity and clustering for papers: find related ones, name the topics of a corpus, measure embedding.
#[derive(Debug, Parser)]
#[command(name = "syntopic", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Folder of the library [default: SYNTOPIC_LIBRARY of the environment, else ./syntopic-library]
    #[arg(long, short = 'L', global = true, value_name = "FOLDER")]
    pub(crate) library: Option<PathBuf>,

    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// No progress and no remarks on stderr; errors are still shown
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,

    /// Wait as long as it takes while another process writes the library [default: an error after 5 seconds]
    #[arg(long, global = true)]
    pub(crate) wait: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Arguments {
    /// The library, which is there.
    pub(crate) fn open(&self) -> Result<Library, LibraryError> {
        Library::open(self.library())?.with_wait(self.wait)
    }

    /// The folder of the library: as given, else as the environment says, else the default.
    pub(crate) fn library(&self) -> PathBuf {
        let environment = || std::env::var_os("SYNTOPIC_LIBRARY").filter(|value| !value.is_empty());
        let given = self
            .library
            .clone()
            .or_else(|| environment().map(PathBuf::from));
        given.unwrap_or_else(|| PathBuf::from(DEFAULT_LIBRARY))
    }
}

/// Where the model runs, for the verbs that embed.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgument {
    /// Where the model runs: cpu, or in a build with CUDA cuda (the first GPU) or cuda:N
    #[arg(long, default_value_t = Device::Cpu, value_name = "DEVICE")]
    pub(crate) device: Device,
}

/// To what vectors are cut.
#[derive(Debug, Args)]
pub(crate) struct DimArguments {
    /// Cut vectors to their first N numbers, as some models are trained for (`syntopic models show NAME` says which)
    #[arg(value_parser = positive, long, value_name = "N")]
    pub(crate) dim: Option<usize>,

    /// Cut them even if the model does not say that it was trained for that length
    #[arg(long, requires = "dim")]
    pub(crate) force_dim: bool,
}

impl DimArguments {
    /// As the library takes it.
    pub(crate) fn cut(&self) -> Option<Cut> {
        let force = self.force_dim;
        self.dim.map(|dim| Cut { dim, force })
    }
}

/// A count of at least 1.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err(String::from("it must be at least 1")),
        Ok(n) => Ok(n),
        Err(error) => Err(format!("{error}")),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add papers from files; makes the library if there is none
    Add(AddArguments),
    /// Take in what files say anew of papers that are in the library
    Update(UpdateArguments),
    /// Give papers that were added without a vector theirs
    Embed(EmbedArguments),
    /// Make every vector anew with another model; the old ones serve until then
    Reembed(ReembedArguments),
    /// Papers like a paper of the library, or like a text
    Related(RelatedArguments),
    /// List records that are versions of one paper: the same DOI, arXiv id, or nearly the same text
    Duplicates(DuplicatesArguments),
    /// Cluster the papers into named topics
    Topics(TopicsArguments),
    /// Draw the papers as a map: one HTML file that opens offline
    Map(crate::map::MapArguments),
    /// Measure speed
    Bench(BenchArguments),
    /// Measure quality
    Eval(EvalArguments),
    /// List, show, fetch, verify or remove models
    Models(ModelsArguments),
    /// Make a small, quick static model from another model and your papers
    Distill(DistillArguments),
    /// Take papers out of the library
    Remove(RemoveArguments),
    /// Show the papers, or write them for other tools: BibTeX, RIS, CSL-JSON, CSV, JSON lines
    List(ListArguments),
    /// All of one paper, with its topic and how much of it the model read
    Show(ShowArguments),
    /// What is in the library and what made it
    Info,
    /// Check the library, and the recall of its index
    Check(CheckArguments),
    /// Mend what can be made again: damaged vectors, and files made from the papers
    Repair(RepairArguments),
    /// Copy the library, whoever reads and writes it meanwhile
    Backup(BackupArguments),
    /// Give back the room that removed papers left
    Compact,
    /// Make a library of an older format one of the present format
    Migrate,
    /// Answer over HTTP, with a page for the browser
    Serve(crate::serve::ServeArguments),
    /// Print what lets a shell complete command lines
    Completions(CompletionsArguments),
    /// Print the manual page, or write the pages of every verb
    Man(ManArguments),
    /// Answer a language model over the standard streams, as tools of the Model Context Protocol
    Mcp(crate::serve::McpArguments),
    /// Do everything once on a sample of 65 papers, in ./syntopic-demo
    Demo(DemoArguments),
}

const REMOVE_EXAMPLES: &str = "\
Examples:
  syntopic remove 2103.03230 1706.03762
  syntopic remove - < ids.txt              one id a line
  syntopic list --year 2010..2015 --ids | syntopic remove -

Ids that no paper has are named, the rest is removed, and the exit code is 3.";

#[derive(Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(crate) struct RemoveArguments {
    /// Ids of papers; `-` reads them from the standard input, one a line
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

const LIST_EXAMPLES: &str = "\
Examples:
  syntopic list                            id, year and title of every paper
  syntopic list --year 2019..2021 --category cs.LG -k 20
  syntopic list 2103.03230 --json          one paper, all of it
  syntopic list --topic graph --as bibtex > graph.bib
  syntopic list --as jsonl > papers.jsonl  what `syntopic add` reads again
  syntopic list --as parquet > all.parquet a table with every field and the vectors
  syntopic list --as npy > vectors.npy     a row a paper, in the order of `syntopic list --ids`

JSON lines carry every field; BibTeX, RIS, CSL-JSON and CSV what those formats have a place for.";

#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct ListArguments {
    /// Ids of papers; all that pass the filters when not given
    #[arg(
        value_name = "ID",
        conflicts_with_all = ["year", "venue", "category", "topic", "author", "among"]
    )]
    pub(crate) ids: Vec<String>,

    #[command(flatten)]
    pub(crate) only: FilterArguments,

    /// Most papers
    #[arg(short, long, value_name = "N")]
    pub(crate) k: Option<usize>,

    /// Write them in a format of other tools: jsonl, csv, parquet (with their vectors), bibtex, ris, csl-json, or their vectors
    /// alone as npy
    #[arg(long = "as", value_name = "FORMAT", value_parser = ["jsonl", "csv", "parquet", "bibtex", "ris", "csl-json", "npy"])]
    pub(crate) format: Option<String>,

    /// Their ids alone, one a line
    #[arg(long = "ids", conflicts_with = "format")]
    pub(crate) ids_only: bool,
}

const ADD_EXAMPLES: &str = "\
Examples:
  syntopic add papers.jsonl                one JSON object a line: id, title, abstract, and any of
                                           authors, year, date, venue, url, doi, categories
  syntopic add library.bib export.ris      BibTeX, RIS and the formats of many services: see --format
  syntopic add works.jsonl.gz              packed with gzip or zstd
  syntopic add list.csv --map title=Name --map abstract=Summary
  syntopic add list.csv --dry-run          what would go in, and what not
  syntopic add saved-hf-papers-page.txt    a saved Hugging Face Papers page, as text or HTML
  cat papers.jsonl | syntopic add -

A paper that is there already is left alone, one whose text changed is embedded again. A bad record is named,
counted and left out, the rest goes in, and the exit code is 3.";

#[derive(Debug, Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(crate) struct AddArguments {
    /// Files of papers; `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Format of the files, when it should not be detected: jsonl, json, csv, parquet, bibtex, ris, wos, medline, pubmed-xml, arxiv-atom,
    /// oai, arxiv-json, acl-xml, openalex, semantic-scholar, csl-json, hf-papers or hf-papers-html
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,

    /// The column of a table that holds a field, where its heading does not say so: --map title="Paper name". Fields are id, title,
    /// abstract, authors, year, date, venue, url, doi, categories
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub(crate) map: Vec<String>,

    /// Only say what would go in and what not: nothing is embedded or written
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// How a new library keeps its vectors: f32, as the model gives them, or rounded to f16 or int8, in a half or a quarter of
    /// the room; `info` shows what that costs [default: f32]
    #[arg(long, value_name = "STORAGE")]
    pub(crate) store: Option<Storage>,

    /// Model of a new library: a name of `syntopic models`, a hub id (`BAAI/bge-small-en-v1.5`, with `@revision` for another than
    /// its main branch), or the folder of a sentence-transformers model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// Store papers without vectors: `syntopic embed` makes those
    #[arg(long, conflicts_with_all = ["store", "model", "device", "dim"])]
    pub(crate) no_embed: bool,

    /// Print the ids of new and changed papers instead, each once it is in the library for good
    #[arg(long, conflicts_with = "json")]
    pub(crate) ids: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,

    #[command(flatten)]
    pub(crate) dim: DimArguments,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(subcommand)]
    pub(crate) what: Bench,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Abstracts and tokens a second, padding, percentiles, memory, and the share of this machine's peak
    Embed(BenchEmbedArguments),
    /// Neighbours a second by recall, build time and size of the index, over vectors in a .npy file
    Index(BenchIndexArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BenchIndexArguments {
    /// Vectors to index: a .npy matrix of 32-bit floats, a row each
    #[arg(long, value_name = "B.npy", required_unless_present = "open")]
    pub(crate) base: Option<PathBuf>,

    /// Instead, start new processes that each open the library (--library) and find the papers related to one of it
    #[arg(long, conflicts_with_all = ["base", "queries", "hnsw_rs", "churn"])]
    pub(crate) open: bool,

    /// Starts of --open
    #[arg(value_parser = positive, long, default_value_t = 20, value_name = "N")]
    pub(crate) starts: usize,

    /// Instead, delete this share of the rows and add as many others, and compare with a fresh index (0.2: a fifth)
    #[arg(long, value_name = "SHARE", conflicts_with = "hnsw_rs")]
    pub(crate) churn: Option<f64>,

    /// Queries, as another such file; without it the last rows of the base are held out
    #[arg(long, value_name = "Q.npy")]
    pub(crate) queries: Option<PathBuf>,

    /// How many are held out
    #[arg(
        long,
        default_value_t = 1_000,
        value_name = "N",
        conflicts_with = "queries"
    )]
    pub(crate) nq: usize,

    /// Neighbours asked for
    #[arg(short, default_value_t = 10, value_name = "K")]
    pub(crate) k: usize,

    /// Efforts to measure [default: 16,24,32,48,64,96,128,192,256]
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    pub(crate) ef: Vec<usize>,

    /// Let hnsw_rs build the graph, the baseline of our own build
    #[arg(long)]
    pub(crate) hnsw_rs: bool,
}

const BENCH_EXAMPLES: &str = "\
Examples:
  syntopic bench embed
  syntopic bench embed papers.jsonl -n 512 --threads 2 --json
  syntopic bench embed papers.jsonl --compare              fast modes, threads, batch sizes
  syntopic bench embed papers.jsonl --mode f32,stock       these alone, side by side
  syntopic bench embed papers.jsonl --threads 2 --against peers.jsonl
  syntopic bench embed papers.jsonl --profile              where the time goes
  syntopic bench embed papers.jsonl --latency              one title at a time
  syntopic bench embed papers.jsonl --lengths 16,32,64,128,256
  syntopic bench embed --cold                              process start to first vector
  syntopic bench embed papers.jsonl --device cuda --compare   on a GPU: f32, bf16, f16, batch sizes

With --compare, or several values of --model, --mode, --threads or --batch-tokens, every configuration runs in a process of its own. \
Each of --repeat rounds runs all of them once, so that noise hits all alike; medians over the rounds are shown.
--against reads what the peers' script prints: a JSON object a line with peer, sent_per_s (or p50_ms), cpu_s, peak_rss_mb.
Candle's own BERT (--mode stock) takes its threads from CANDLE_NUM_THREADS and RAYON_NUM_THREADS; a comparison sets both.
Exit code 3: a configuration did not run, or a line of --against cannot be used; each is named.";

#[derive(Debug, Args)]
#[command(after_help = BENCH_EXAMPLES)]
pub(crate) struct BenchEmbedArguments {
    /// Papers to embed; the sample corpus when not given
    pub(crate) file: Option<PathBuf>,

    /// A name of `syntopic models`, a hub id, or the folder of a model; several are compared
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub(crate) model: Vec<String>,

    #[command(flatten)]
    pub(crate) dim: DimArguments,

    /// Most papers; with --lengths, texts of each length
    #[arg(value_parser = positive, short, long, value_name = "N")]
    pub(crate) n: Option<usize>,

    /// Passes, or rounds of a comparison; the median one is reported [default: 3; starts of --cold: 11]
    #[arg(value_parser = positive, long, value_name = "N")]
    pub(crate) repeat: Option<usize>,

    /// Most tokens in a batch, padding included; several are compared
    #[arg(value_parser = positive, long, value_name = "N,N", value_delimiter = ',')]
    pub(crate) batch_tokens: Vec<usize>,

    /// What runs the model: auto, a mode of our own encoder, or stock (the plain path; for BERT Candle's own); several are compared
    /// [default: auto]
    #[arg(long, value_name = "MODE,MODE", value_delimiter = ',', long_help = mode_help())]
    pub(crate) mode: Vec<String>,

    /// Threads of our encoder and the tokenizer; all processors when not given; several are compared
    #[arg(value_parser = positive, long, value_name = "N,N", value_delimiter = ',')]
    pub(crate) threads: Vec<usize>,

    /// Write the vectors to this file (.npy, f32, one row a paper)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["compare", "latency", "lengths", "cold"])]
    pub(crate) save: Option<PathBuf>,

    /// Also show where the time goes: shares of linear layers, attention, tokenizing and the like in the time of all threads
    #[arg(long, conflicts_with_all = ["compare", "latency", "lengths", "cold"])]
    pub(crate) profile: bool,

    /// Compare configurations: all modes but stock, 1 thread and all, and three batch sizes, where not given
    #[arg(long, conflicts_with_all = ["lengths", "cold"])]
    pub(crate) compare: bool,

    /// Set the figures of other programs beside ours: a file of JSON lines, as the peers' script prints them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lengths", "cold"])]
    pub(crate) against: Option<PathBuf>,

    /// Milliseconds a text instead: one title at a time, the model warm
    #[arg(long, conflicts_with_all = ["lengths", "cold"])]
    pub(crate) latency: bool,

    /// Texts of so many tokens instead, made of the input's words: texts and tokens a second at each length
    #[arg(value_parser = positive, long, value_name = "N,N", value_delimiter = ',', conflicts_with = "cold")]
    pub(crate) lengths: Vec<usize>,

    /// Milliseconds from the start of a process to the vector of one short text, the model in the page cache
    #[arg(long, conflicts_with_all = ["file", "n", "dim"])]
    pub(crate) cold: bool,

    /// Load the model, embed one short text and say how long each took: the process that --cold starts
    #[arg(long, hide = true)]
    pub(crate) first_vector: bool,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,
}

fn mode_help() -> String {
    use syntopic_library::bench::modes;
    format!(
        "What runs the model: auto, or one of {}, where stock is Candle's BERT as it ships; with --device cuda, auto (f16) or \
         one of {}; several are compared [default: auto]",
        modes(Device::Cpu).join(", "),
        modes(Device::Cuda(0)).join(", ")
    )
}

const MODELS_EXAMPLES: &str = "\
Examples:
  syntopic models                              what is known, and what is on this machine
  syntopic models show all-MiniLM-L6-v2        prompts, pooling, lengths and what runs it
  syntopic models show ./my-model --json       the same of a folder
  syntopic models pull all-MiniLM-L6-v2
  syntopic models pull BAAI/bge-small-en-v1.5  any model of the hub; its commit and files are remembered
  syntopic models verify                       hash every file of every model that is here
  syntopic models remove all-MiniLM-L6-v2      from syntopic's own cache; nothing else is touched";

#[derive(Debug, Args)]
#[command(after_help = MODELS_EXAMPLES)]
pub(crate) struct ModelsArguments {
    #[command(subcommand)]
    pub(crate) what: Option<Models>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List the known models (the default)
    List,
    /// What a model that is on this machine says of itself: prompts, pooling, lengths, similarity
    Show {
        /// Its name or hub id, or the folder of a model
        name: String,
    },
    /// Fetch a model, checking every file
    Pull {
        /// Its name or hub id, with `@revision` for another than the main branch, which is looked up anew
        name: String,
    },
    /// Hash every file of a model again
    Verify {
        /// Its name or hub id, or the folder of a model; every known model on this machine when not given
        name: Option<String>,
    },
    /// Remove a model from syntopic's own cache, without asking, and say what was freed
    Remove {
        /// Its name or hub id
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Also measure how many of the exact neighbours the index finds
    #[arg(long)]
    pub(crate) recall: bool,

    /// Neighbours that recall is measured over
    #[arg(
        short,
        long,
        default_value_t = 10,
        value_name = "N",
        requires = "recall"
    )]
    pub(crate) k: usize,
}

const DISTILL_EXAMPLES: &str = "\
Examples:
  syntopic distill papers.jsonl --out my-model
  syntopic --library quick add papers.jsonl --model my-model

Some ten thousand papers of the kind it is meant for make a good model. It takes as long as embedding them twice or
so: a vector of every word, and phrases of words, are learnt too. The folder is in model2vec's format.";

#[derive(Debug, Args)]
#[command(after_help = DISTILL_EXAMPLES)]
pub(crate) struct DistillArguments {
    /// Files of papers; `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Where the folder of the new model is made
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,

    /// The model that is learnt from: a name of `syntopic models`, a hub id, or a folder
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// Numbers of a vector
    #[arg(long, default_value_t = 240, value_name = "N")]
    pub(crate) dim: usize,

    /// Phrases of random words that are learnt from beside the papers
    #[arg(long, default_value_t = 60_000, value_name = "N")]
    pub(crate) phrases: usize,

    /// Write over what is in that folder
    #[arg(long)]
    pub(crate) force: bool,

    /// The same seed and papers give the same model
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// A name of `syntopic models`, a hub id, or the folder of a model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,

    #[command(flatten)]
    pub(crate) dim: DimArguments,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn related_takes_one_query_or_several() {
        let parses = |arguments: &[&str]| {
            Arguments::try_parse_from([&["syntopic", "related"], arguments].concat()).is_ok()
        };
        assert!(!parses(&[]) && !parses(&["--not", "x"]));
        assert!(parses(&["x", "-k", "3", "--json"]) && parses(&["-"]));
        assert!(parses(&[
            "x", "y", "--text", "z", "--file", "f", "--not", "w"
        ]));
    }
}
