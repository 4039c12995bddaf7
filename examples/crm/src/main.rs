//! The program of the app: it comes to the platform that has started it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kageos_sdk::main(&kageos_example_crm::app())
}
