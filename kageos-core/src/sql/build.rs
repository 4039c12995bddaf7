//! Run-time statements, made with sea-query.

use std::borrow::Cow;

use sea_query::{
    MysqlQueryBuilder, OptionEnum, PostgresQueryBuilder, QueryStatementWriter, SqliteQueryBuilder,
};

use super::{Engine, SqlError, Value};

/// Renders a select, insert, update or delete for an engine, with its parameters in order.
///
/// # Errors
/// [`SqlError::OutOfRange`] for an unsigned integer beyond 63 bits.
pub fn build(
    engine: Engine,
    statement: &impl QueryStatementWriter,
) -> Result<(String, Vec<Value<'static>>), SqlError> {
    let (sql, values) = match engine {
        Engine::Sqlite => statement.build(SqliteQueryBuilder),
        Engine::Postgres => statement.build(PostgresQueryBuilder),
        Engine::MySql => statement.build(MysqlQueryBuilder),
    };
    let values: Result<_, _> = values.into_iter().map(convert).collect();
    Ok((sql, values?))
}

fn convert(value: sea_query::Value) -> Result<Value<'static>, SqlError> {
    use sea_query::Value as Sea;
    Ok(match value {
        Sea::Bool(it) => it.into(),
        Sea::TinyInt(it) => it.map(i64::from).into(),
        Sea::SmallInt(it) => it.map(i64::from).into(),
        Sea::Int(it) => it.into(),
        Sea::BigInt(it) => it.into(),
        Sea::TinyUnsigned(it) => it.map(i64::from).into(),
        Sea::SmallUnsigned(it) => it.into(),
        Sea::Unsigned(it) => it.into(),
        Sea::BigUnsigned(it) => it.map(i64::try_from).transpose().map_err(|_| SqlError::OutOfRange)?.into(),
        Sea::Float(it) => it.map(f64::from).into(),
        Sea::Double(it) => it.into(),
        Sea::String(it) => it.into(),
        Sea::Char(it) => it.map(String::from).into(),
        Sea::Bytes(it) => it.into(),
        Sea::Enum(OptionEnum::Some(it)) => Value::Text(Some(Cow::Owned(it.value.into_owned()))),
        Sea::Enum(OptionEnum::None(_)) => Value::Text(None),
    })
}
