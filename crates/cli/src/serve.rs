//! `syntopic serve` and `syntopic mcp`

use crate::args::{Arguments, DeviceArgument};
use crate::bars::Bars;
use crate::exit;
use clap::Args;
use std::io::Write;
use std::net::SocketAddr;
use syntopic_server::{LogFormat, ServeOptions, serve, serve_mcp};

const SERVE_EXAMPLES: &str = "\
Examples:
  syntopic --library mine serve                          http://127.0.0.1:7411, this machine alone
  syntopic --library mine serve --bind 127.0.0.1:0       any free port, which is printed
  SYNTOPIC_API_KEY=... syntopic serve --bind 0.0.0.0:80 --host-name papers.example
  curl localhost:7411/api/related -H 'Content-Type: application/json' -d '{\"like\": [{\"text\": \"graph networks\"}]}'

/docs says what it answers. It ends at Ctrl-C or SIGTERM, when requests in hand are finished, in 30 seconds at most.";

#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArguments {
    /// Address and port to listen at; one that other machines reach needs --api-key or --no-auth
    #[arg(long, default_value = "127.0.0.1:7411", value_name = "ADDRESS:PORT")]
    pub(crate) bind: SocketAddr,

    /// Key that callers must send as `Authorization: Bearer KEY`; other users of this machine can see a command line, so the
    /// environment is the better place
    #[arg(
        long,
        env = "SYNTOPIC_API_KEY",
        hide_env_values = true,
        value_name = "KEY"
    )]
    pub(crate) api_key: Option<String>,

    /// Let everybody ask who reaches the address
    #[arg(long, conflicts_with = "api_key")]
    pub(crate) no_auth: bool,

    /// A name that the server may be called by, beside localhost and its addresses
    #[arg(long, value_name = "NAME")]
    pub(crate) host_name: Vec<String>,

    /// Lines of the log, on stderr: text or json. Addresses asked for and texts are never in it
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = format)]
    pub(crate) log: Log,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log(LogFormat);

fn format(text: &str) -> Result<Log, String> {
    let found = LogFormat::ALL.into_iter().find(|log| log.name() == text);
    found
        .map(Log)
        .ok_or_else(|| String::from("the formats are text and json"))
}

pub(crate) fn run(
    arguments: &Arguments,
    verb: &ServeArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let options = ServeOptions {
        library: arguments.library(),
        bind: verb.bind,
        api_key: verb.api_key.clone(),
        no_auth: verb.no_auth,
        host_names: verb.host_name.clone(),
        log: verb.log.0,
        device: verb.on.device,
    };
    bars.clear();
    serve(&options, |address| {
        if arguments.json {
            writeln!(out, "{{\"address\": \"http://{address}\"}}")?;
        } else {
            writeln!(out, "http://{address}")?;
        }
        out.flush()
    })?;
    Ok(exit::DONE)
}

const MCP_EXAMPLES: &str = "\
Examples:
  syntopic --library mine mcp              speaks the protocol on stdin and stdout; a client starts it
  {\"mcpServers\": {\"papers\": {\"command\": \"syntopic\", \"args\": [\"--library\", \"/full/path/mine\", \"mcp\"]}}}

Tools: find_related_papers, search_papers, list_topics, get_paper. None changes the library. `syntopic serve` has them at /mcp.";

#[derive(Debug, Args)]
#[command(after_help = MCP_EXAMPLES)]
pub(crate) struct McpArguments {
    /// Lines of the log, on stderr: text or json
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = format)]
    pub(crate) log: Log,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,
}

pub(crate) fn run_mcp(
    arguments: &Arguments,
    verb: &McpArguments,
    bars: &Bars,
) -> anyhow::Result<u8> {
    bars.clear();
    serve_mcp(&arguments.library(), verb.on.device, verb.log.0)?;
    Ok(exit::DONE)
}
