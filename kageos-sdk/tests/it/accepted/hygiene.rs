//! Nothing that the app calls alike gets in the way.

mod app {
    struct String;
    struct Vec;
    struct Option;
    struct Box;
    struct Value;
    struct Map;
    enum Result {}
    fn Some() {}
    mod std {}
    mod core {}

    #[derive(::kageos_sdk::Choice)]
    enum Stage {
        New,
        None,
        Some,
    }

    #[derive(::kageos_sdk::Table)]
    #[table(search = [name], sort = "-name")]
    struct Deal {
        #[field(id)]
        id: ::kageos_sdk::RowId,
        #[field(default = "x")]
        name: ::std::string::String,
        #[field(show_if = stage == "new" && !empty(name), default = Stage::New)]
        stage: Stage,
        #[field(relation = Deal)]
        map: ::core::option::Option<::kageos_sdk::RowId>,
        reader: bool,
        value: bool,
    }

    #[derive(::kageos_sdk::Form)]
    #[form(effect(creates, external), approval, audience(people, public))]
    struct Close {
        field_0: bool,
        map: bool,
        reader: bool,
    }

    #[derive(::kageos_sdk::Object)]
    struct Line {
        value: bool,
    }
}
