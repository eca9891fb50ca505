//! The `syntopic` binary: see the crate `syntopic-cli`.

fn main() -> std::process::ExitCode {
    syntopic_cli::run(std::env::args_os())
}
