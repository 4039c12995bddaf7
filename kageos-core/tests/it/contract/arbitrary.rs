//! How values of the contract are made at random.

use kageos_core::{
    ActionName, ActionSchema, Actor, ActorKind, Annotation, Approval, Audience, Audit, Call, CallId, Change,
    ChangeOp, Choice, Code, DirectoryEntry, Effect, Effects, Egress, Error, FieldError, FunctionEntry,
    FunctionSchema, Kind, Manifest, Origin, Predicate, Relation, ResourcePath, Right, Rights, RowId, Scope,
    SecretPlace, SecretUse, Sort, Source, SourceKind, TableSchema, Timestamp, Trace, UserId, Widget,
    path::RESERVED_NAMESPACES,
};
use proptest::{collection::vec, option, prelude::*, sample::select, string::string_regex};
use serde_json::{Map, Number, Value};

/// Microseconds of the first and the last moment that RFC 3339 can write.
pub(super) const FIRST: i64 = -62_135_596_800_000_000;
pub(super) const LAST: i64 = 253_402_207_200_000_000;

const WIDGETS: [Widget; 18] = [
    Widget::Text,
    Widget::Multiline,
    Widget::Markdown,
    Widget::Integer,
    Widget::Decimal,
    Widget::Switch,
    Widget::Select,
    Widget::MultiSelect,
    Widget::Date,
    Widget::DateTime,
    Widget::Email,
    Widget::Link,
    Widget::File,
    Widget::Files,
    Widget::User,
    Widget::Relation,
    Widget::List,
    Widget::Id,
];

pub(super) fn code() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z][a-z0-9_]{0,8}", 1 => "[a-z][a-z0-9_]{48}"]
        .prop_filter("reserved", |code| !RESERVED_NAMESPACES.contains(&code.as_str()))
}

pub(super) fn path() -> impl Strategy<Value = ResourcePath> {
    let kind = option::of(select(Kind::ALL.to_vec()));
    (vec(code(), 1..=16), kind).prop_filter_map("too long", |(codes, kind)| {
        let ending = kind.filter(|_| codes.len() >= 3).map(|kind| format!(".{kind}"));
        format!("/{}{}", codes.join("/"), ending.unwrap_or_default()).parse().ok()
    })
}

pub(super) fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![9 => FIRST..=LAST, 1 => select(vec![FIRST, -1, 0, 1, LAST])].prop_map(Timestamp::from_micros)
}

pub(super) fn trace() -> impl Strategy<Value = Trace> {
    (1..=u128::MAX, 1..=u64::MAX, any::<u8>()).prop_map(|(trace, parent, flags)| {
        format!("00-{trace:032x}-{parent:016x}-{flags:02x}").parse().unwrap()
    })
}

/// A ULID: 128 bits in Crockford's base 32, lower case.
pub(super) fn ulid() -> impl Strategy<Value = String> {
    any::<u128>().prop_map(|bits| {
        let digit = |at: u32| b"0123456789abcdefghjkmnpqrstvwxyz"[((bits >> (5 * at)) & 31) as usize];
        (0..26).rev().map(|at| char::from(digit(at))).collect()
    })
}

pub(super) fn row_id() -> impl Strategy<Value = RowId> {
    prop_oneof![(1..=i64::MAX), select(vec![1, i64::MAX])].prop_map(|number| RowId::from_i64(number).unwrap())
}

/// Any JSON value that strict reading takes, at most eight deep.
pub(super) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("not finite", |number| Number::from_f64(number).map(Value::Number)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec((any::<String>(), inner), 0..6).prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

pub(super) fn predicate() -> impl Strategy<Value = Predicate> {
    let leaf =
        (pointer(), json(), vec(json(), 0..3), 0..6_u8).prop_map(|(at, value, values, which)| match which {
            0 => Predicate::Eq(at, value),
            1 => Predicate::Ne(at, value),
            2 => Predicate::In(at, values),
            3 => Predicate::Lt(at, value),
            4 => Predicate::Gt(at, value),
            _ => Predicate::Empty(at),
        });
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Predicate::And),
            vec(inner.clone(), 0..3).prop_map(Predicate::Or),
            inner.prop_map(|part| Predicate::Not(Box::new(part))),
        ]
    })
}

fn pointer() -> impl Strategy<Value = String> {
    string_regex("(/[a-z0-9~]{0,5}){0,3}").unwrap()
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", any::<String>()]
}

fn rights() -> impl Strategy<Value = Rights> {
    vec(select(Right::ALL.to_vec()), 0..8).prop_map(Rights::from_iter)
}

pub(super) fn effects() -> impl Strategy<Value = Effects> {
    any::<[bool; 5]>().prop_map(|[creates, updates, deletes, external, reads]| Effects {
        creates,
        updates,
        deletes,
        external,
        reads,
    })
}

pub(super) fn effect() -> impl Strategy<Value = Effect> {
    let audiences = vec![Audience::People, Audience::Agents, Audience::Schedules, Audience::Public];
    let approval = select(vec![Approval::None, Approval::Required]);
    let audit = select(vec![Audit::None, Audit::Summary, Audit::Full]);
    (effects(), any::<[bool; 3]>(), approval, any::<u64>(), vec(select(audiences), 0..4), audit).prop_map(
        |(effects, [idempotent, undoable, dry_run], approval, timeout_ms, audience, audit)| Effect {
            effects,
            idempotent,
            undoable,
            dry_run,
            approval,
            timeout_ms,
            audience,
            audit,
        },
    )
}

pub(super) fn actor() -> impl Strategy<Value = Actor> {
    let kinds = vec![ActorKind::User, ActorKind::Service, ActorKind::System, ActorKind::Anonymous];
    let scope = (option::of(path()), rights()).prop_map(|(path, rights)| Scope { path, rights });
    (select(kinds), option::of(ulid()), words(), option::of(scope), option::of(path())).prop_map(
        |(kind, id, name, scope, app)| {
            let id = id.map(|id| id.parse::<UserId>().unwrap());
            Actor { kind, id, name, scope, app }
        },
    )
}

pub(super) fn source() -> impl Strategy<Value = Source> {
    use SourceKind::{Agent, Api, App, Cli, Link, Mcp, Schedule, System, Web};
    let kind = select(vec![Web, Api, Mcp, Schedule, Agent, App, Link, Cli, System]);
    (kind, option::of(words()), option::of(path()), option::of(words()))
        .prop_map(|(kind, reference, path, title)| Source { kind, reference, path, title })
}

pub(super) fn action() -> impl Strategy<Value = ActionName> {
    code().prop_map(|code| ActionName::new(&code).unwrap())
}

pub(super) fn call() -> impl Strategy<Value = Call> {
    let what = (ulid(), path(), action(), json());
    let who = (actor(), source(), trace());
    let how = (option::of(timestamp()), option::of(words()), any::<bool>());
    (what, who, how).prop_map(
        |((id, path, action, input), (actor, source, trace), (deadline, idempotency_key, dry_run))| Call {
            id: id.parse::<CallId>().unwrap(),
            path,
            action,
            input,
            actor,
            source,
            trace,
            deadline,
            idempotency_key,
            dry_run,
        },
    )
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    use ChangeOp::{Create, Delete, Purge, Restore, Update};
    let op = select(vec![Create, Update, Delete, Restore, Purge]);
    let object = || option::of(vec((words(), json()), 0..3).prop_map(Value::from_iter));
    let version = option::of(1..i64::MAX);
    let parts = (path(), option::of(words()), version, op, object(), object());
    parts.prop_map(|(path, row, version, op, old, new)| Change { path, row, version, op, old, new })
}

pub(super) fn error() -> impl Strategy<Value = Error> {
    let field = (words(), words(), words()).prop_map(|(pointer, code, message)| FieldError {
        pointer,
        code: code.into(),
        message,
    });
    (select(Code::ALL), words(), vec(field, 0..4))
        .prop_map(|(code, message, fields)| Error { fields, ..Error::new(code, message) })
}

pub(super) fn annotation() -> impl Strategy<Value = Annotation> {
    let texts = (option::of(words()), option::of(words()), option::of(words()), option::of(words()));
    let relation = (words(), words()).prop_map(|(path, label)| Relation { path, label });
    let choice = (words(), words(), option::of(words())).prop_map(|(value, label, color)| Choice {
        value,
        label,
        color,
    });
    let files = (option::of(words()), option::of(any::<u64>()));
    let links = (option::of(relation), vec(choice, 0..3), option::of(any::<u32>()), files);
    let conditions = (option::of(predicate()), option::of(predicate()), option::of(predicate()));
    (select(WIDGETS.to_vec()), any::<u32>(), any::<[bool; 6]>(), texts, links, conditions).prop_map(
        |(widget, order, [list, filter, sort, search, readonly, sensitive], texts, links, conditions)| {
            let (group, unit, placeholder, help) = texts;
            let (relation, choices, scale, (accept, max_bytes)) = links;
            let (show_if, require_if, readonly_if) = conditions;
            Annotation {
                widget,
                order,
                group,
                unit,
                scale,
                placeholder,
                help,
                list,
                filter,
                sort,
                search,
                readonly,
                sensitive,
                relation,
                accept,
                max_bytes,
                choices,
                show_if,
                require_if,
                readonly_if,
            }
        },
    )
}

fn action_schema() -> impl Strategy<Value = ActionSchema> {
    (action(), words(), select(Right::ALL.to_vec()), effect(), json(), json()).prop_map(
        |(name, title, right, effect, input, output)| ActionSchema {
            name,
            title,
            right,
            effect,
            input,
            output,
        },
    )
}

fn table_schema() -> impl Strategy<Value = TableSchema> {
    let sort = (words(), any::<bool>()).prop_map(|(field, desc)| Sort { field, desc });
    (json(), vec(words(), 0..3), any::<bool>(), vec(sort, 0..3))
        .prop_map(|(row, search, history, default_sort)| TableSchema { row, search, history, default_sort })
}

pub(super) fn function_schema() -> impl Strategy<Value = FunctionSchema> {
    let texts = (words(), words(), vec(words(), 0..3));
    (select(Kind::ALL.to_vec()), texts, vec(action_schema(), 0..3), option::of(table_schema())).prop_map(
        |(kind, (title, description, tags), actions, table)| FunctionSchema {
            kind,
            title,
            description,
            tags,
            actions,
            table,
        },
    )
}

pub(super) fn manifest() -> impl Strategy<Value = Manifest> {
    let directory = (words(), words(), words()).prop_map(|(path, title, description)| DirectoryEntry {
        path,
        title,
        description,
    });
    let function = (words(), function_schema()).prop_map(|(path, schema)| FunctionEntry { path, schema });
    (any::<u32>(), (code(), words(), words()), vec(directory, 0..3), vec(function, 0..3), egress()).prop_map(
        |(schema_version, (app, title, description), directories, functions, egress)| Manifest {
            schema_version,
            app,
            title,
            description,
            directories,
            functions,
            egress,
        },
    )
}

fn egress() -> impl Strategy<Value = Egress> {
    let origin = || {
        let host = string_regex("([*][.])?[a-z][a-z0-9]{0,5}[.][a-z]{1,5}").unwrap();
        let of = |(https, host, port): (bool, String, u16)| Origin::new(https, &host, port).unwrap();
        (any::<bool>(), host, 1..=u16::MAX).prop_map(of)
    };
    let place = prop_oneof![
        (words(), words()).prop_map(|(name, prefix)| SecretPlace::Header { name, prefix }),
        words().prop_map(|name| SecretPlace::Query { name }),
        words().prop_map(|user| SecretPlace::Basic { user }),
    ];
    let secret = (code(), words(), origin(), place).prop_map(|(name, title, origin, place)| SecretUse {
        name,
        title,
        origin,
        place,
    });
    (vec(origin(), 0..3), vec(secret, 0..3)).prop_map(|(origins, secrets)| Egress { origins, secrets })
}
