//! An import goes by the rules of `create`.

use kageos_core::Code;
use kageos_sdk::{App, Ctx, Email, Link, Result, RowId, Table, TableHooks, UserRef, testkit::Kit};
use serde_json::{Value, json};

use crate::sample::{Line, Stage};

#[derive(Debug, Clone, PartialEq, Table)]
pub(crate) struct Person {
    #[field(id)]
    id: RowId,
    name: String,
    #[field(pattern = "^[A-Z]{2}$")]
    code: Option<String>,
    mail: Option<Email>,
    page: Option<Link>,
    user: Option<UserRef>,
    stages: Vec<Stage>,
    lines: Vec<Line>,
    #[field(readonly)]
    approved_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Table)]
#[table(hooks)]
pub(crate) struct Hooked {
    #[field(id)]
    id: RowId,
    name: String,
}

impl TableHooks for Hooked {
    async fn before_create(_: &mut Self, _: &Ctx) -> Result<()> {
        Ok(())
    }
}

async fn kit() -> Kit {
    Kit::open(&App::new("import").table::<Person>().table::<Hooked>()).await.expect("the app opens")
}

async fn import(kit: &Kit, csv: &str) -> Result<Value> {
    kit.call("person.table", "import", json!({ "csv": csv })).await.map(|given| given.output)
}

#[tokio::test]
async fn read_only_columns_do_not_come_in() {
    let kit = kit().await;
    let error = import(&kit, "name,approved_by\nAda,boss\n").await.expect_err("nobody approves by CSV");
    let told: Vec<(&str, &str)> = error.fields.iter().map(|it| (it.pointer.as_str(), &*it.code)).collect();
    assert_eq!(told, [("/approved_by", "readonly")]);
}

#[tokio::test]
async fn what_create_refuses_import_refuses_at_the_same_place() {
    let kit = kit().await;
    for (field, cell, value) in [
        ("code", "ab", json!("ab")),
        ("mail", "nobody", json!("nobody")),
        ("page", "javascript:alert(1)", json!("javascript:alert(1)")),
        ("user", "x", json!("x")),
        ("stages", r#""[""lost""]""#, json!(["lost"])),
        ("stages", r#""[""won"",""won""]""#, json!(["won", "won"])),
        (
            "lines",
            r#""[{""text"":""a"",""count"":0,""price"":""1""}]""#,
            json!([{ "text": "a", "count": 0, "price": "1" }]),
        ),
        ("lines", r#""[{""more"":1}]""#, json!([{ "more": 1 }])),
    ] {
        let mut values = json!({ "name": "Ada", "stages": [], "lines": [] });
        values[field] = value;
        let error = kit.call("person.table", "create", json!({ "values": values })).await.expect_err(field);
        assert_eq!(error.code, Code::InvalidInput, "{field}");
        let (more, empty) = match field {
            "stages" => ("lines", "[]"),
            "lines" => ("stages", "[]"),
            _ => ("stages,lines", "[],[]"),
        };
        let report =
            import(&kit, &format!("name,{more},{field}\nAda,{empty},{cell}\n")).await.expect("a report");
        assert_eq!(
            (&report["created"], &report["failed"]),
            (&json!(0), &json!(1)),
            "{field} {cell}: {report}"
        );
        let at = report["errors"][0]["fields"][0]["pointer"].as_str().unwrap_or_default();
        assert!(at.starts_with(&format!("/{field}")), "{field} {cell}: {report}");
    }
    let right = "name,code,mail,page,stages,lines\nAda,AB,a@b.de,https://a.de,\"[\"\"won\"\"]\",[]\n";
    assert_eq!(import(&kit, right).await.expect("a report")["created"], 1);
}

#[tokio::test]
async fn a_table_with_hooks_lists_no_import() {
    let kit = kit().await;
    let listed = |path: &str| {
        let manifest = kit.host().manifest();
        let function = manifest.functions.iter().find(|it| it.path == path).expect("it is declared");
        function.schema.actions.iter().any(|action| action.name.as_str() == "import")
    };
    assert_eq!((listed("person.table"), listed("hooked.table")), (true, false));
    let error = kit.call("hooked.table", "import", json!({ "csv": "name\nAda\n" })).await.expect_err("none");
    assert_eq!(error.code, Code::UnknownAction);
}
