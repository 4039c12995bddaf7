//! `kagectl logs [component]`: the server's own log.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

use kageos_core::{Code, Error, Result, path::is_code};

use super::{Session, args::Logs, failure::Context};

pub(super) fn run(session: &Session, args: &Logs) -> Result<()> {
    let components = match &args.component {
        Some(name) if is_code(name) => vec![name.clone()],
        Some(name) => return Err(Error::new(Code::NotFound, format!("There is no component {name:?}."))),
        None => components(&session.state.log_dir())?,
    };
    for component in components {
        let lines = tail(&session.state.log_file(&component), args.lines).context(&component)?;
        lines.into_iter().for_each(|line| session.output.raw(&format!("{line}\n")));
    }
    Ok(())
}

fn components(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).context("logs")? {
        let name = entry.context("logs")?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".log").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn tail(file: &Path, count: usize) -> std::io::Result<VecDeque<String>> {
    let mut lines = VecDeque::with_capacity(count.min(1024));
    for line in BufReader::new(fs::File::open(file)?).lines() {
        if lines.len() == count {
            lines.pop_front();
        }
        lines.push_back(line?);
    }
    lines.truncate(count);
    Ok(lines)
}
