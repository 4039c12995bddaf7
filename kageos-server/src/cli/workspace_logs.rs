//! `kagectl workspace logs`: what an app logs, read and followed.

use kageos_core::{Code, Error, LogLevel, LogSource, ResourcePath, Result};
use serde_json::{Map, Value, json};

use super::{Session, args::WorkspaceLogs, call, output::Output, remote::Remote};

/// Lines of one answer.
const PAGE: usize = 200;

pub(super) async fn run(session: &Session, args: &WorkspaceLogs) -> Result<()> {
    let log = Log {
        remote: Remote::find(&session.state)?,
        output: session.output,
        path: args.path.parse()?,
        filter: filter(args)?,
    };
    log.tell(args.lines, args.follow).await
}

/// Tells what an app logs from now on, for ever.
pub(super) async fn follow(remote: Remote, output: Output, path: ResourcePath) -> Result<()> {
    Log { remote, output, path, filter: Map::new() }.tell(0, true).await
}

/// What is asked for besides the order.
fn filter(args: &WorkspaceLogs) -> Result<Map<String, Value>> {
    let known = |value: &Option<String>, flag: &str, names: &[&str]| match value {
        Some(name) if !names.contains(&name.as_str()) => {
            Err(Error::new(Code::InvalidInput, format!("{flag} is one of {}.", names.join(", "))))
        }
        _ => Ok(()),
    };
    known(&args.level, "--level", &LogLevel::ALL.map(LogLevel::as_str))?;
    known(&args.source, "--source", &LogSource::ALL.map(LogSource::as_str))?;
    let given = json!({ "level": args.level, "source": args.source, "call": args.call, "trace": args.trace,
        "release": args.release, "path": args.at, "text": args.grep, "from": args.from, "to": args.to });
    let Value::Object(mut given) = given else { return Ok(Map::new()) };
    given.retain(|_, value| !value.is_null());
    Ok(given)
}

/// The log of a workspace, as it is asked for.
struct Log {
    remote: Remote,
    output: Output,
    path: ResourcePath,
    filter: Map<String, Value>,
}

impl Log {
    /// Prints the last lines, and what comes from then on.
    async fn tell(&self, lines: usize, follow: bool) -> Result<()> {
        // Before the first look: what comes in between is told then.
        let events = if follow { Some(self.remote.events().await?) } else { None };
        let end = self.last(lines).await?;
        let Some(mut events) = events else { return Ok(()) };
        let mut place = end;
        loop {
            let Some((name, data)) = events.next().await? else {
                return Err(Error::new(Code::Unavailable, "The server closed the connection."));
            };
            if name == "reset" || name == "log" && data["path"] == self.path.as_str() {
                place = self.since(place).await?;
            }
        }
    }

    async fn read(&self, order: &str, limit: usize, next: &Value) -> Result<Value> {
        let mut input = self.filter.clone();
        input.insert("order".to_owned(), order.into());
        input.insert("limit".to_owned(), limit.into());
        if next.is_string() {
            input.insert("next".to_owned(), next.clone());
        }
        let request = json!({ "action": "read_logs", "input": input });
        Ok(call::begin(&self.remote, self.output, &self.path, &request).await?["output"].take())
    }

    /// Prints the last lines, the newest last; answers the place after them.
    async fn last(&self, count: usize) -> Result<Value> {
        let (mut found, mut next, mut end) = (Vec::new(), Value::Null, Value::Null);
        loop {
            let limit = (count - found.len()).clamp(1, PAGE);
            let mut page = self.read("newest", limit, &next).await?;
            if end.is_null() {
                end = page["end"].take();
            }
            if let Value::Array(lines) = page["lines"].take() {
                found.extend(lines);
            }
            next = page["next"].take();
            if next.is_null() || found.len() >= count {
                break;
            }
        }
        found.truncate(count);
        found.iter().rev().for_each(|line| self.print(line));
        Ok(end)
    }

    /// Prints what came after a place; answers the place after that.
    async fn since(&self, mut place: Value) -> Result<Value> {
        loop {
            let mut page = self.read("oldest", PAGE, &place).await?;
            page["lines"].as_array().into_iter().flatten().for_each(|line| self.print(line));
            place = page["next"].take();
            if page["more"] != true {
                return Ok(place);
            }
        }
    }

    fn print(&self, line: &Value) {
        let text = if self.output.is_json() { escaped(&line.to_string()) } else { words(line) };
        self.output.raw(&format!("{text}\n"));
    }
}

/// A line for people: when, how much it matters, what happened, its fields, where.
fn words(line: &Value) -> String {
    let text = |key: &str| line[key].as_str().unwrap_or_default();
    let release = line["release"].as_u64().map(|release| format!(" r{release}")).unwrap_or_default();
    let source = match text("source") {
        "app" => String::new(),
        source => format!(" {source}:"),
    };
    let fields = line["fields"].as_object().into_iter().flatten().map(|(name, value)| match value {
        Value::String(value) if value.contains(char::is_whitespace) => format!(" {name}={value:?}"),
        Value::String(value) => format!(" {name}={value}"),
        value => format!(" {name}={value}"),
    });
    let call = line["call"].as_str().map(|call| format!(" call={call}")).unwrap_or_default();
    let (level, path) = (text("level").to_uppercase(), text("path"));
    let fields = fields.collect::<String>();
    escaped(&format!("{} {level:<5}{release} {path}{source} {}{fields}{call}", text("at"), text("message")))
}

/// A text without what a terminal would act on, or that would hide what stands there.
pub(super) fn escaped(text: &str) -> String {
    let acts = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c if acts(c) => shown.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => shown.push(c),
        }
        shown
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        let line = json!({ "at": "2026-01-01T00:00:00Z", "level": "warn", "release": 3, "call": null, "path": "/demo/app",
            "source": "stdout", "message": "\u{1b}[31mred\u{9b}1m\n\u{202e}", "fields": { "a": "b c", "n": 1 } });
        let shown = words(&line);
        assert_eq!(
            shown,
            "2026-01-01T00:00:00Z WARN  r3 /demo/app stdout: \\u001b[31mred\\u009b1m\\n\\u202e a=\"b c\" n=1"
        );
        let json = escaped(&line.to_string());
        assert!(!json.chars().any(|c| c.is_control()));
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), line);
    }
}
