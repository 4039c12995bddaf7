//! Charts.

use kageos_core::{ActionName, Effect, Effects, FunctionSchema, Kind, schema::ANNOTATION_KEY};
use serde_json::{Value, json};

use super::{action, filter, object::closed};
use crate::{
    chart::{Bucket, ChartDef},
    def::TableDef,
};

/// Most series in a chart: people tell no more colours apart, and a legend has to fit.
pub(crate) const MAX_SERIES: usize = 50;
/// Most points in a series: about the pixels of a screen.
pub(crate) const MAX_POINTS: usize = 2_000;

/// The schema of a chart. Its output carries how it is drawn under the annotation key.
pub(crate) fn chart(chart: &ChartDef, source: Option<&TableDef>) -> FunctionSchema {
    let query = action(
        Kind::Chart,
        ActionName::QUERY,
        "Show",
        Effect { audit: chart.audit, ..Effect::of(Effects::READS) },
        input(chart, source),
        output(chart),
    );
    FunctionSchema {
        kind: Kind::Chart,
        title: chart.title.clone(),
        description: chart.description.clone(),
        tags: Vec::new(),
        actions: vec![query],
        table: None,
    }
}

fn input(chart: &ChartDef, source: Option<&TableDef>) -> Value {
    let mut properties = crate::Map::new();
    if chart.time {
        let day = json!({ "type": ["string", "null"], "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" });
        properties.insert("from".to_owned(), day.clone());
        properties.insert("to".to_owned(), day);
        let names = Bucket::ALL.map(Bucket::as_str);
        properties.insert("bucket".to_owned(), json!({ "enum": names }));
    }
    if source.is_some() {
        properties.insert("filter".to_owned(), json!({ "$ref": "#/$defs/filter" }));
    }
    let mut input = closed(properties, Vec::new());
    if let Some(table) = source {
        input["$defs"] = json!({ "filter": filter::filter(table) });
    }
    input
}

fn output(chart: &ChartDef) -> Value {
    let point = json!({
        "type": "object",
        "properties": {
            "x": { "type": ["string", "number", "boolean", "null"] },
            "y": { "type": ["number", "null"] },
            "filter": { "type": ["object", "null"] },
        },
        "required": ["x", "y", "filter"],
        "additionalProperties": false,
    });
    let series = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "points": { "type": "array", "items": point, "maxItems": MAX_POINTS },
        },
        "required": ["name", "points"],
        "additionalProperties": false,
    });
    let mut output = json!({
        "type": "object",
        "properties": {
            "series": { "type": "array", "items": series, "maxItems": MAX_SERIES },
            "total": { "type": ["number", "null"] },
        },
        "required": ["series"],
        "additionalProperties": false,
    });
    output[ANNOTATION_KEY] = json!({
        "mark": chart.mark,
        "x": chart.x,
        "y": chart.y,
        "unit": chart.unit,
        "source": chart.source,
        "time": chart.time,
    });
    output
}
