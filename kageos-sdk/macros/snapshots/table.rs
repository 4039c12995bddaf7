#[automatically_derived]
impl ::kageos_sdk::Object for Deal {
    fn fields() -> ::std::vec::Vec<::kageos_sdk::def::FieldDef> {
        ::std::vec![
            ::kageos_sdk::field::Field:: < String > ::new("name", 0u32)
            .description("What it is called.").title("Deal").min_len(2u64).build(),
            ::kageos_sdk::field::Field:: < Option < RowId > > ::new("owner", 1u32)
            .relation(< Staff as ::kageos_sdk::Table > ::PATH, "name")
            .require_if(::kageos_sdk::Predicate::And(::std::vec![::kageos_sdk::Predicate::Eq(::std::string::String::from("/stage"),
            ::kageos_sdk::field::FieldType::to_json(& Stage::Won)),
            ::kageos_sdk::Predicate::Not(::std::boxed::Box::new(::kageos_sdk::Predicate::Empty(::std::string::String::from("/name"))))]))
            .build(), ::kageos_sdk::field::Field:: < Stage > ::new("stage", 2u32)
            .default_value(::kageos_sdk::field::FieldType::to_json(& Stage::New))
            .build(), ::kageos_sdk::field::Field:: < Decimal > ::new("value", 3u32)
            .unit("EUR").min_whole("0").scale(4u32).build()
        ]
    }
    fn to_map(&self) -> ::kageos_sdk::Map {
        <::kageos_sdk::Map as ::core::iter::FromIterator<
            _,
        >>::from_iter([
            (
                ::std::string::String::from("id"),
                ::kageos_sdk::field::FieldType::to_json(&self.id),
            ),
            (
                ::std::string::String::from("name"),
                ::kageos_sdk::field::FieldType::to_json(&self.name),
            ),
            (
                ::std::string::String::from("owner"),
                ::kageos_sdk::field::FieldType::to_json(&self.owner),
            ),
            (
                ::std::string::String::from("stage"),
                ::kageos_sdk::field::FieldType::to_json(&self.stage),
            ),
            (
                ::std::string::String::from("value"),
                ::kageos_sdk::field::FieldType::to_json(&self.value),
            ),
        ])
    }
    fn read(
        map: &mut ::kageos_sdk::Map,
        reader: &mut ::kageos_sdk::field::Reader,
    ) -> ::core::option::Option<Self> {
        let field_0 = reader.field::<RowId>(map, "id");
        let field_1 = reader.field::<String>(map, "name");
        let field_2 = reader.field::<Option<RowId>>(map, "owner");
        let field_3 = reader
            .field_or::<
                Stage,
            >(map, "stage", || ::kageos_sdk::field::FieldType::to_json(&Stage::New));
        let field_4 = reader.field::<Decimal>(map, "value");
        reader.rest(map);
        ::core::option::Option::Some(Self {
            id: field_0?,
            name: field_1?,
            owner: field_2?,
            stage: field_3?,
            value: field_4?,
        })
    }
    fn problems() -> ::std::vec::Vec<::std::string::String> {
        let found: ::std::vec::Vec<::core::option::Option<::std::string::String>> = ::std::vec![
            ::kageos_sdk::field::default_problem:: < Stage > ("stage",
            ::kageos_sdk::field::FieldType::to_json(& Stage::New))
        ];
        found.into_iter().flatten().collect()
    }
}
#[automatically_derived]
impl ::kageos_sdk::Table for Deal {
    const PATH: &'static str = "sales/deal.table";
    const HOOKED: bool = false;
    fn def() -> ::kageos_sdk::def::TableDef {
        ::kageos_sdk::field::with_search(::kageos_sdk::def::TableDef {
            path: ::std::string::String::from("sales/deal.table"),
            title: ::std::string::String::from("Deals"),
            description: ::std::string::String::from("A deal that is worked on."),
            fields: <Self as ::kageos_sdk::Object>::fields(),
            search: ::std::vec![::std::string::String::from("name")],
            history: true,
            default_sort: ::std::vec![
                ::kageos_sdk::schema::Sort { field :
                ::std::string::String::from("value"), desc : true }
            ],
            audit: ::core::default::Default::default(),
        })
    }
    fn id(&self) -> ::kageos_sdk::RowId {
        self.id
    }
}
#[automatically_derived]
impl ::kageos_sdk::TableHooks for Deal {}
#[automatically_derived]
impl ::kageos_sdk::Wire for Deal {
    fn schema() -> ::kageos_sdk::Value {
        ::kageos_sdk::lower::row_object_schema::<Self>()
    }
    fn to_json(&self) -> ::kageos_sdk::Value {
        ::kageos_sdk::Value::Object(<Self as ::kageos_sdk::Object>::to_map(self))
    }
    fn read(
        value: ::kageos_sdk::Value,
        reader: &mut ::kageos_sdk::field::Reader,
    ) -> ::core::option::Option<Self> {
        reader.object::<Self>(value)
    }
}
