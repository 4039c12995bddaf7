//! A workspace app: the customers, staff, invoices and payments of a music shop.

mod customer;
mod duplicates;
mod employee;
mod invoice;
mod payment;
mod revenue;

use kageos_sdk::App;

pub use customer::Customer;
pub use duplicates::{DuplicatesFound, FindDuplicates, Pair};
pub use employee::Employee;
pub use invoice::{Invoice, InvoiceLine, State};
pub use payment::{Payment, PaymentRecorded, RecordPayment};
pub use revenue::{RevenueByCountry, RevenueByMonth};

/// The app.
#[must_use]
pub fn app() -> App {
    App::new("crm")
        .title("Music shop")
        .description("Customers, staff, invoices and payments of a shop for digital music.")
        .table::<Customer>()
        .table::<Employee>()
        .table::<Invoice>()
        .table::<InvoiceLine>()
        .table::<Payment>()
        .form::<RecordPayment>()
        .form::<FindDuplicates>()
        .chart::<RevenueByCountry>()
        .chart::<RevenueByMonth>()
        .docs("runbook", "Runbook", include_str!("runbook.md"))
}

#[cfg(test)]
mod tests {
    use kageos_sdk::testkit::Kit;
    use serde_json::json;

    /// The data of the example: the table it belongs to, and CSV, in the order in which it is loaded.
    const DATA: [(&str, &str); 4] = [
        ("employee.table", include_str!("../data/employee.csv")),
        ("customer.table", include_str!("../data/customer.csv")),
        ("invoice.table", include_str!("../data/invoice.csv")),
        ("invoice_line.table", include_str!("../data/invoice_line.csv")),
    ];

    /// Every row of the example comes in through the door, and a payment brings its invoice up to date.
    #[tokio::test]
    async fn the_shop_runs_on_its_own_data() {
        let kit = Kit::open(&super::app()).await.unwrap();
        for (table, csv) in DATA {
            let imported = kit.call(table, "import", json!({ "csv": csv })).await.unwrap().output;
            assert_eq!(imported["created"], csv.trim_end().lines().count() - 1, "{table}: {imported}");
        }
        let payment = json!({ "invoice": "1", "amount": "1.00" });
        let paid = kit.call("record_payment.form", "submit", payment).await.unwrap();
        assert_eq!((&paid.output["state"], &paid.output["open"]), (&json!("partly_paid"), &json!("0.98")));
        let invoice = kit.call("invoice.table", "get", json!({ "id": "1" })).await.unwrap().output;
        assert_eq!(invoice["values"]["paid"], "1.00");
        let too_much = json!({ "invoice": "1", "amount": "5.00" });
        let refused = kit.call("record_payment.form", "submit", too_much).await.unwrap_err();
        assert_eq!(refused.fields[0].code, "overpayment");
        let allowed =
            json!({ "invoice": "1", "amount": "5.00", "allow_overpayment": true, "note": "A tip." });
        let paid = kit.call("record_payment.form", "submit", allowed).await.unwrap();
        let logs = kit.logs();
        let line = logs.last().unwrap();
        assert_eq!(line.call.as_ref().unwrap().id, paid.call);
        assert_eq!(
            (&line.entry.fields["open"], &line.entry.fields["amount"]),
            (&json!("0.98"), &json!("5.00"))
        );
        let revenue = kit.call("revenue_by_country.chart", "query", json!({})).await.unwrap().output;
        assert_eq!(revenue["total"], 2328.6);
    }
}
