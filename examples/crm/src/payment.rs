//! What came in.

use kageos_sdk::{Ctx, Date, Decimal, Error, FileRef, Form, Multiline, Object, Result, RowId, Submit, Table};

use crate::{Invoice, State};

/// A payment for an invoice. Payments are recorded by `record_payment.form`.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(title = "Payments", history, sort = ["-received_on"])]
pub struct Payment {
    /// The row's id.
    #[field(id)]
    pub id: RowId,
    /// What was paid for.
    #[field(relation = Invoice, label = "invoice_date")]
    pub invoice: RowId,
    /// The day the money came in.
    pub received_on: Date,
    /// How much.
    #[field(unit = "USD", min = 0.01)]
    pub amount: Decimal,
    /// Anything worth knowing later.
    pub note: Option<Multiline>,
    /// The bank's receipt, as a picture or a PDF.
    #[field(accept = "image/*, application/pdf", max_bytes = 10_000_000)]
    pub receipt: Option<FileRef>,
}

/// Record a payment and bring its invoice up to date.
#[derive(Debug, Form)]
#[form(title = "Record payment", effect(creates, updates, undoable))]
pub struct RecordPayment {
    /// What was paid for.
    #[field(relation = Invoice, label = "invoice_date")]
    pub invoice: RowId,
    /// How much came in.
    #[field(unit = "USD", min = 0.01)]
    pub amount: Decimal,
    /// The day the money came in; today when empty.
    pub received_on: Option<Date>,
    /// Whether more than what is open may be recorded.
    #[field(title = "Allow overpayment", default = false)]
    pub allow_overpayment: bool,
    /// Why more was paid.
    #[field(show_if = allow_overpayment, require_if = allow_overpayment)]
    pub note: Option<Multiline>,
    /// The bank's receipt, as a picture or a PDF.
    #[field(accept = "image/*, application/pdf", max_bytes = 10_000_000)]
    pub receipt: Option<FileRef>,
}

/// What a payment did.
#[derive(Debug, Clone, PartialEq, Object)]
pub struct PaymentRecorded {
    /// The payment.
    #[field(relation = Payment, label = "received_on")]
    pub payment: RowId,
    /// How the invoice stands now.
    pub state: State,
    /// What is still open.
    #[field(unit = "USD")]
    pub open: Decimal,
}

impl Submit for RecordPayment {
    type Output = PaymentRecorded;

    async fn submit(self, ctx: &Ctx) -> Result<PaymentRecorded> {
        let invoice = ctx.table::<Invoice>().require(self.invoice).await?;
        let open = invoice.total - invoice.paid;
        if self.amount > open && !self.allow_overpayment {
            let message = format!("Only {open} USD are open on this invoice.");
            return Err(Error::field("/amount", "overpayment", message));
        }
        if self.amount > open {
            let log = ctx.log().with("invoice", self.invoice).with("open", open).with("amount", self.amount);
            log.warn("More was paid than is open.");
        }
        let received_on = self.received_on.unwrap_or_else(|| ctx.today());
        let payment = Payment {
            id: ctx.row_id(),
            invoice: self.invoice,
            received_on,
            amount: self.amount,
            note: self.note,
            receipt: self.receipt,
        };
        let payment = ctx.table::<Payment>().create(payment).await?;
        let paid = invoice.paid + self.amount;
        let state = if paid >= invoice.total { State::Paid } else { State::PartlyPaid };
        let change = |invoice: &mut Invoice| (invoice.paid, invoice.state) = (paid, state);
        ctx.table::<Invoice>().update(self.invoice, change).await?;
        Ok(PaymentRecorded { payment: payment.id, state, open: (open - self.amount).max(Decimal::ZERO) })
    }
}
