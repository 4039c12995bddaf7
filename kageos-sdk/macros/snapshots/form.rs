#[automatically_derived]
impl ::kageos_sdk::Object for CloseDeal {
    fn fields() -> ::std::vec::Vec<::kageos_sdk::def::FieldDef> {
        ::std::vec![
            ::kageos_sdk::field::Field:: < RowId > ::new("deal", 0u32).relation(< Deal as
            ::kageos_sdk::Table > ::PATH, "").build(), ::kageos_sdk::field::Field:: <
            bool > ::new("won", 1u32).build(), ::kageos_sdk::field::Field:: < Option <
            String > > ::new("note", 2u32)
            .show_if(::kageos_sdk::Predicate::Eq(::std::string::String::from("/won"),
            true.into())).widget(::kageos_sdk::Widget::Multiline).build()
        ]
    }
    fn to_map(&self) -> ::kageos_sdk::Map {
        <::kageos_sdk::Map as ::core::iter::FromIterator<
            _,
        >>::from_iter([
            (
                ::std::string::String::from("deal"),
                ::kageos_sdk::field::FieldType::to_json(&self.deal),
            ),
            (
                ::std::string::String::from("won"),
                ::kageos_sdk::field::FieldType::to_json(&self.won),
            ),
            (
                ::std::string::String::from("note"),
                ::kageos_sdk::field::FieldType::to_json(&self.note),
            ),
        ])
    }
    fn read(
        map: &mut ::kageos_sdk::Map,
        reader: &mut ::kageos_sdk::field::Reader,
    ) -> ::core::option::Option<Self> {
        let field_0 = reader.field::<RowId>(map, "deal");
        let field_1 = reader.field::<bool>(map, "won");
        let field_2 = reader.field::<Option<String>>(map, "note");
        reader.rest(map);
        ::core::option::Option::Some(Self {
            deal: field_0?,
            won: field_1?,
            note: field_2?,
        })
    }
    fn problems() -> ::std::vec::Vec<::std::string::String> {
        let found: ::std::vec::Vec<::core::option::Option<::std::string::String>> = ::std::vec![];
        found.into_iter().flatten().collect()
    }
}
#[automatically_derived]
impl ::kageos_sdk::Form for CloseDeal {
    const PATH: &'static str = "close_deal.form";
    fn def() -> ::kageos_sdk::def::ActionDef {
        ::kageos_sdk::def::ActionDef {
            path: ::std::string::String::from("close_deal.form"),
            title: ::std::string::String::from("Close deal"),
            description: ::std::string::String::from("Close a deal."),
            fields: <Self as ::kageos_sdk::Object>::fields(),
            effect: ::kageos_sdk::effect::Effect {
                idempotent: false,
                undoable: true,
                timeout_ms: 5000u64,
                approval: ::kageos_sdk::effect::Approval::Required,
                ..::kageos_sdk::effect::Effect::of(::kageos_sdk::effect::Effects {
                    creates: false,
                    updates: true,
                    deletes: false,
                    external: false,
                    reads: false,
                })
            },
        }
    }
}
