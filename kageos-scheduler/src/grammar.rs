//! The grammar of cron expressions. The parser behind it replaces names anywhere in the text, skips what is missing and
//! drops what follows a `W`, so it sees nothing but what this grammar takes.

const NICKNAMES: [&str; 6] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// What a field counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Time,
    Day,
    Month,
    Weekday,
}

/// The fields of an expression with seconds.
const FIELDS: [Field; 6] = [Field::Time, Field::Time, Field::Time, Field::Day, Field::Month, Field::Weekday];

/// Refuses what is not an expression, with a sentence. Whether numbers are in range is for the parser to say.
pub(crate) fn check(expression: &str) -> Result<(), String> {
    if !expression.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return Err("A cron expression is plain ASCII with spaces between its fields.".to_owned());
    }
    let text = expression.trim_matches(' ');
    if text.starts_with('@') {
        let known = NICKNAMES.iter().any(|name| text.eq_ignore_ascii_case(name));
        return if known { Ok(()) } else { Err(format!("It is one of {}.", NICKNAMES.join(", "))) };
    }
    let upper = text.to_ascii_uppercase();
    let fields: Vec<&str> = upper.split(' ').filter(|field| !field.is_empty()).collect();
    let kinds = match fields.len() {
        5 => &FIELDS[1..],
        6 => &FIELDS[..],
        count => return Err(format!("A cron expression has 5 or 6 fields, not {count}.")),
    };
    fields.iter().zip(kinds).enumerate().try_for_each(|(at, (field, kind))| kind.check(field, at + 1))
}

impl Field {
    fn check(self, field: &str, number: usize) -> Result<(), String> {
        let list = if self == Self::Weekday { field.strip_prefix('+').unwrap_or(field) } else { field };
        let any_day = list == "?" && matches!(self, Self::Day | Self::Weekday);
        if list == "*" || any_day {
            return Ok(());
        }
        let mut items = list.split(',');
        if let Some(item) = items.find(|item| !self.is_item(item)) {
            return Err(match item {
                "" => format!("Field {number} (`{field}`) has an empty item."),
                "L" if self == Self::Weekday => {
                    "`L` as a weekday needs the weekday before it: `5L` is the last Friday.".to_owned()
                }
                _ => format!("`{item}` does not belong in field {number} (`{field}`)."),
            });
        }
        // The parser would forget the first of them.
        let has = |day| self == Self::Day && list.split(',').any(|item| item == day);
        if has("L") && has("LW") {
            return Err("`L` and `LW` cannot stand in one list.".to_owned());
        }
        Ok(())
    }

    fn is_item(self, item: &str) -> bool {
        if let Some((range, step)) = item.split_once('/') {
            return is_number(step) && (range == "*" || self.is_range(range));
        }
        self.is_value(item) || self.is_range(item) || self.is_special(item)
    }

    /// What only a day or a weekday can be.
    fn is_special(self, item: &str) -> bool {
        match self {
            Self::Day => matches!(item, "L" | "LW") || item.strip_suffix('W').is_some_and(is_number),
            Self::Weekday => match item.split_once('#') {
                Some((days, nth)) => {
                    matches!(nth, "1" | "2" | "3" | "4" | "5") && (self.is_value(days) || self.is_range(days))
                }
                None => item.strip_suffix('L').is_some_and(|day| self.is_value(day)),
            },
            Self::Time | Self::Month => false,
        }
    }

    fn is_range(self, item: &str) -> bool {
        item.split_once('-').is_some_and(|(from, to)| self.is_value(from) && self.is_value(to))
    }

    fn is_value(self, text: &str) -> bool {
        let names: &[&str] = match self {
            Self::Time | Self::Day => &[],
            Self::Month => &MONTHS,
            Self::Weekday => &WEEKDAYS,
        };
        is_number(text) || names.contains(&text)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
