//! What was sold.

use kageos_sdk::{Choice, Date, Decimal, RowId, Table};

use crate::Customer;

/// Whether an invoice is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum State {
    /// Nothing is paid yet.
    #[choice(color = "neutral")]
    Open,
    /// A part is paid.
    #[choice(label = "Partly paid", color = "warning")]
    PartlyPaid,
    /// All is paid.
    #[choice(color = "success")]
    Paid,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Invoices", history, search = [billing_city, billing_country], sort = ["-invoice_date"])]
pub struct Invoice {
    /// The row's id.
    #[field(id)]
    pub id: RowId,
    /// Who bought.
    #[field(relation = Customer, label = "last_name")]
    pub customer: RowId,
    /// The day of the invoice.
    #[field(title = "Date")]
    pub invoice_date: Date,
    /// The sum of its lines.
    #[field(unit = "USD", min = 0)]
    pub total: Decimal,
    /// What has been paid so far; `record_payment.form` keeps it.
    #[field(unit = "USD", readonly, default = "0")]
    pub paid: Decimal,
    /// Whether it is paid; `record_payment.form` keeps it.
    #[field(readonly, default = State::Open)]
    pub state: State,
    /// Street and number.
    #[field(title = "Address", max_len = 160, group = "Billing address", list = false)]
    pub billing_address: Option<String>,
    /// City.
    #[field(title = "City", max_len = 80, group = "Billing address")]
    pub billing_city: Option<String>,
    /// State or province.
    #[field(title = "State", max_len = 80, group = "Billing address", list = false)]
    pub billing_state: Option<String>,
    /// Country.
    #[field(title = "Country", max_len = 80, group = "Billing address")]
    pub billing_country: Option<String>,
    /// Postal code.
    #[field(title = "Postal code", max_len = 20, group = "Billing address", list = false)]
    pub billing_postal_code: Option<String>,
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Invoice lines", search = [track, artist])]
pub struct InvoiceLine {
    /// The row's id.
    #[field(id)]
    pub id: RowId,
    /// The invoice.
    #[field(relation = Invoice, label = "invoice_date")]
    pub invoice: RowId,
    /// The track that was sold.
    #[field(max_len = 200)]
    pub track: String,
    /// Who plays.
    #[field(max_len = 200)]
    pub artist: Option<String>,
    /// The kind of music.
    #[field(max_len = 80)]
    pub genre: Option<String>,
    /// The price of one.
    #[field(unit = "USD", min = 0)]
    pub unit_price: Decimal,
    /// How many.
    #[field(min = 1)]
    pub quantity: i32,
}
