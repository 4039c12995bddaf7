use super::{parse, users::user_to_change};
use crate::{
    Code, Error, ResourcePath, UserId,
    platform::{
        handover::{Fate, Handover, Item},
        identity::User,
    },
    sql::{Row, SqlError, Tx, params},
};

/// Hands over what an account holds by itself: its namespace goes, its API tokens end or stay.
///
/// # Errors
/// [`Code::InvalidInput`] when one of the accounts does not exist or may not take anything over.
pub(in super::super) async fn hand_over(tx: &mut Tx, handover: &Handover) -> Result<Vec<Item>, Error> {
    let from = account(tx, handover.from, "/from").await?;
    if account(tx, handover.to, "/to").await?.disabled {
        return Err(Error::field("/to", "disabled", "this account may do nothing"));
    }
    let id = from.id.to_string();
    let mut items = Vec::new();
    if let Some(code) = from.namespace {
        tx.execute_expect("UPDATE identity_user SET namespace = NULL WHERE id = ?", params![id.as_str()], 1)
            .await?;
        let path: Option<ResourcePath> = format!("/{code}").parse().ok();
        items.push(Item { kind: "namespace".to_owned(), path, name: code, fate: Fate::Handed });
    }
    let sql = "SELECT name, scope_path FROM identity_token WHERE user_id = ? AND expires_at > ? ORDER BY id";
    let rows = tx.fetch_all(sql, params![id.as_str(), handover.at.as_micros()]).await?;
    let fate = if handover.end_tokens { Fate::Ended } else { Fate::Kept };
    let tokens = rows.iter().map(|row| token(row, fate)).collect::<Result<Vec<_>, SqlError>>()?;
    items.extend(tokens);
    if handover.end_tokens {
        tx.execute("DELETE FROM identity_token WHERE user_id = ?", params![id.as_str()]).await?;
    }
    Ok(items)
}

async fn account(tx: &mut Tx, id: UserId, pointer: &str) -> Result<User, Error> {
    user_to_change(tx, id).await.map_err(|error| match error.code {
        Code::NotFound => Error::field(pointer, "unknown", "there is no such user"),
        _ => error,
    })
}

fn token(row: &Row, fate: Fate) -> Result<Item, SqlError> {
    let path = row.opt_text("scope_path")?.map(|_| parse(row, "scope_path")).transpose()?;
    Ok(Item { kind: "token".to_owned(), path, name: row.text("name")?.to_owned(), fate })
}
